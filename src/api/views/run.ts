import { z } from 'zod';
import { doneStatuses } from '../../domain/run.ts';
import type { RunRecord } from '../../store/store.ts';
import { outcomeView } from './phase.ts';
import { isoTime, time } from './time.ts';

export const runView = z
  .object({
    life: z.int(),
    run: z.int(),
    slug: z.string(),
    agent: z.string(),
    bottles: z.array(z.string()),
    backend: z.string(),
    hostId: z.string(),
    cause: z.string().meta({ description: 'What it was started for.' }),
    promptDigest: z.string().meta({ description: 'SHA-256 of the prompt, in hex.' }),
    preparedAt: time,
    startedAt: time.nullable(),
    endedAt: time.nullable(),
    durationMs: z.int().nullable(),
    outcome: outcomeView.nullable(),
    exitCode: z.int().nullable(),
    reason: z.string().nullable(),
    done: z
      .object({ status: z.enum(doneStatuses), summary: z.string() })
      .nullable()
      .meta({ description: "The agent's own report." }),
    watchdogFired: z.boolean(),
  })
  .meta({ id: 'Run' });

export type RunView = z.infer<typeof runView>;

export function viewRun(record: RunRecord): RunView {
  const { startedAt, endedAt, doneStatus } = record;
  return {
    life: record.life,
    run: record.run,
    slug: record.slug,
    agent: record.agentName,
    bottles: [...record.bottleNames],
    backend: record.backendName,
    hostId: record.hostId,
    cause: record.cause,
    promptDigest: record.promptDigest,
    preparedAt: isoTime(record.preparedAt),
    startedAt: isoTime(startedAt),
    endedAt: isoTime(endedAt),
    durationMs: startedAt === undefined || endedAt === undefined ? null : endedAt - startedAt,
    outcome: record.outcome ?? null,
    exitCode: record.exitCode ?? null,
    reason: record.reason ?? null,
    done:
      doneStatus === undefined ? null : { status: doneStatus, summary: record.doneSummary ?? '' },
    watchdogFired: record.watchdogFired,
  };
}
