import { z } from 'zod';
import type { ProviderName } from '../../domain/agent.ts';
import { formatIssue, type RepositoryRef } from '../../domain/issue.ts';
import { doneStatuses } from '../../domain/run.ts';
import type { RunRecord } from '../../store/store.ts';
import { outcomeView } from './phase.ts';
import { isoTime, time } from './time.ts';
import { budgetView, usageView, viewBudget, viewUsage } from './usage.ts';

const providers = ['script', 'claude', 'codex', 'pi'] as const satisfies readonly ProviderName[];

export const runView = z
  .object({
    life: z.int(),
    run: z.int(),
    slug: z.string(),
    agent: z.string(),
    bottles: z.array(z.string()),
    backend: z.string(),
    hostId: z.string(),
    provider: z.enum(providers),
    model: z
      .string()
      .nullable()
      .meta({ description: "As the agent's manifest names it; null: the provider's own choice." }),
    manifestDigest: z.string().nullable().meta({
      description: 'SHA-256 of the manifests that it was launched with, in hex.',
    }),
    cause: z.string().meta({ description: 'What it was started for.' }),
    promptDigest: z.string().meta({ description: 'SHA-256 of the prompt, in hex.' }),
    preparedAt: time,
    startedAt: time.nullable(),
    endedAt: time.nullable(),
    durationMs: z.int().nullable(),
    outcome: outcomeView.nullable(),
    exitCode: z.int().nullable(),
    failed: z.boolean().meta({
      description: "The agent's program reported that it failed, whatever its exit code.",
    }),
    reason: z.string().nullable(),
    done: z
      .object({ status: z.enum(doneStatuses), summary: z.string() })
      .nullable()
      .meta({ description: "The agent's own report." }),
    watchdogFired: z.boolean(),
    parkedUntil: time.nullable().meta({
      description: "When the model's provider takes requests again, for a run that met its limit.",
    }),
    usage: usageView.nullable().meta({ description: 'Null when the run has no model.' }),
    budget: z
      .object({ run: budgetView, issue: budgetView })
      .meta({ description: 'As it was when the run was launched.' }),
    turns: z
      .int()
      .nullable()
      .meta({ description: "Turns of the conversation, where the agent's program counts them." }),
    message: z.string().nullable().meta({ description: 'The last thing that the agent said.' }),
    egress: z
      .object({
        allowed: z.array(
          z.object({
            host: z.string(),
            connections: z.int(),
            bytesOut: z.int(),
            bytesIn: z.int(),
          }),
        ),
        refused: z.array(z.object({ host: z.string(), count: z.int() })),
      })
      .nullable()
      .meta({ description: 'Other hosts that it reached or asked for; null when there was none.' }),
  })
  .meta({ id: 'Run' });

export type RunView = z.infer<typeof runView>;

/** A run among those of other issues. */
export const listedRunView = runView
  .extend({ issue: z.string().meta({ description: '`owner/repository#number`.' }) })
  .meta({ id: 'ListedRun' });

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
    provider: record.provider,
    model: record.model ?? null,
    manifestDigest: record.manifestDigest ?? null,
    cause: record.cause,
    promptDigest: record.promptDigest,
    preparedAt: isoTime(record.preparedAt),
    startedAt: isoTime(startedAt),
    endedAt: isoTime(endedAt),
    durationMs: startedAt === undefined || endedAt === undefined ? null : endedAt - startedAt,
    outcome: record.outcome ?? null,
    exitCode: record.exitCode ?? null,
    failed: record.failed,
    reason: record.reason ?? null,
    done:
      doneStatus === undefined ? null : { status: doneStatus, summary: record.doneSummary ?? '' },
    watchdogFired: record.watchdogFired,
    parkedUntil: isoTime(record.parkedUntil),
    usage: record.usage === undefined ? null : viewUsage(record.usage),
    budget: { run: viewBudget(record.runBudget), issue: viewBudget(record.issueBudget) },
    turns: record.turns ?? null,
    message: record.message ?? null,
    egress:
      record.egress === undefined
        ? null
        : { allowed: [...record.egress.allowed], refused: [...record.egress.refused] },
  };
}

/** @param repository under its current name */
export function viewListedRun(
  record: RunRecord,
  repository: RepositoryRef,
): z.infer<typeof listedRunView> {
  return {
    ...viewRun(record),
    issue: formatIssue({ repository, number: record.issue.number }),
  };
}
