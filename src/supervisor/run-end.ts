import type { AgentFacts } from '../agents/output-reader.ts';
import type { SandboxExit } from '../bottles/backend.ts';
import { type Done, isWaitedFor, type RunEnd } from '../domain/run.ts';
import type { Usage } from '../domain/usage.ts';
import type { EndCause } from './ending.ts';

/** All that counts for how a run ended. */
export interface LastFacts {
  /** Of the agent; undefined when it did not end by itself. */
  readonly exit: SandboxExit | undefined;
  /** Why the run was to end, if anybody wished that. */
  readonly wished: EndCause | undefined;
  /** Why the models answered no more, if they did not. */
  readonly shortage: EndCause | undefined;
  readonly done: Done | undefined;
  /** Epoch milliseconds. */
  readonly begunAt: number | undefined;
  readonly used: Pick<RunEnd, 'usage' | 'egress'>;
  /** A budget in US dollars is kept. */
  readonly countsDollars: boolean;
  readonly output: AgentFacts;
}

/** Of what the agent said last. */
const longestMessage = 4 * 1024;
/** It may be the agent's own words, and goes into histories that do not take everything. */
const longestReason = 1_000;
/** What shells, and both launchers, mean by 127. */
const programNotFound =
  "a program was not found (exit code 127), and the last lines of the log say which. If it is the agent's own, name its directory in `tools` of the bottle's manifest, or use an image that has it";

/** How a run ended, as its journal will say. @param now epoch milliseconds */
export function judgeEnd(facts: LastFacts, now: number): RunEnd {
  const { exit, begunAt, used } = facts;
  const { turns, message, failure, costUsd } = facts.output;
  const cause = exit === undefined ? facts.wished : causeOfExit(exit, facts, now);
  return {
    ...outcomeOf(cause, facts.done),
    ...(exit?.code === undefined ? {} : { exitCode: exit.code }),
    ...(begunAt === undefined ? {} : { startedAt: begunAt }),
    endedAt: now,
    ...(failure === undefined ? {} : { failed: true }),
    ...used,
    ...(used.usage === undefined
      ? {}
      : { usage: facts.countsDollars ? used.usage : withCost(used.usage, costUsd) }),
    ...(turns === undefined ? {} : { turns }),
    ...(message === undefined ? {} : { message: message.slice(0, longestMessage) }),
  };
}

function causeOfExit(
  { code, reason }: SandboxExit,
  { shortage, output: { failure, limit } }: LastFacts,
  now: number,
): EndCause {
  const why = reason ?? failure ?? (code === 127 ? programNotFound : undefined);
  const told = why === undefined ? {} : { reason: why };
  if (shortage !== undefined) return { ...told, ...shortage };
  return limit?.resetsAt !== undefined && isWaitedFor(limit.resetsAt, now)
    ? { outcome: 'parked', ...told, parkedUntil: Math.round(limit.resetsAt) }
    : { outcome: 'exited', ...told };
}

function outcomeOf(
  { reason, ...cause }: EndCause = { outcome: 'lost' },
  done: Done | undefined,
): EndCause & Pick<RunEnd, 'done'> {
  const told = reason === undefined ? {} : { reason: reason.slice(0, longestReason) };
  // What is done has nothing to go on with later.
  return done === undefined ? { ...cause, ...told } : { outcome: 'done', done, ...told };
}

/**
 * Where no price is known, what the agent's program reckons itself. No budget is kept by that: whatever the agent prints may
 * stand there.
 */
function withCost(usage: Usage, costUsd: number | undefined): Usage {
  const isTaken = usage.costUsd === undefined && costUsd !== undefined && costUsd >= 0;
  return isTaken ? { ...usage, costUsd } : usage;
}
