import { sql, type Kysely, type Selectable } from 'kysely';
import { addUsage, noUsage, type Budget, type Usage } from '../domain/usage.ts';
import type { EgressSummary } from '../domain/egress.ts';
import { isOneOf } from './filters.ts';
import { issueKey, toIssueRef } from './issues.ts';
import type { Flag, Schema } from './schema.ts';
import type { RunRecord, RunStore } from './store.ts';

export function runStore(db: Kysely<Schema>): RunStore {
  return {
    async prepare(run) {
      const row = {
        slug: run.slug,
        run: run.run,
        ...issueKey(run.issue),
        forge_host: run.issue.repository.forgeHost,
        repository_id: run.issue.repository.id,
        life: run.life,
        agent_name: run.agentName,
        bottle_names: JSON.stringify(run.bottleNames),
        backend_name: run.backendName,
        host_id: run.hostId,
        prompt: run.prompt,
        prompt_digest: run.promptDigest,
        cause: run.cause,
        prepared_at: Date.now(),
        ended_at: null,
        outcome: null,
        exit_code: null,
        reason: null,
        done_status: null,
        done_summary: null,
        watchdog_fired: 0 as const,
        provider: run.provider,
        model: run.model ?? null,
        run_budget: JSON.stringify(run.runBudget),
        issue_budget: JSON.stringify(run.issueBudget),
        manifest_digest: run.manifestDigest ?? null,
        failed: 0 as const,
      };
      await db
        .insertInto('runs')
        .values(row)
        .onConflict((conflict) =>
          conflict
            .columns(['slug', 'run'])
            .doUpdateSet(row)
            // Also a run that ended without having begun is prepared again under its number.
            .where('runs.started_at', 'is', null),
        )
        .execute();
    },

    async started(slug, run, at) {
      await db
        .updateTable('runs')
        .set({ started_at: at })
        .where('slug', '=', slug)
        .where('run', '=', run)
        .where('started_at', 'is', null)
        .execute();
    },

    async ended(slug, run, end) {
      await db
        .updateTable('runs')
        .set((row) => ({
          ended_at: end.endedAt,
          started_at: row.fn.coalesce('started_at', row.val(end.startedAt ?? null)),
          outcome: end.outcome,
          exit_code: end.exitCode ?? null,
          reason: end.reason ?? null,
          done_status: row.fn.coalesce('done_status', row.val(end.done?.status ?? null)),
          done_summary: row.fn.coalesce('done_summary', row.val(end.done?.summary ?? null)),
          watchdog_fired: sql<Flag>`${end.outcome === 'watchdog' ? 1 : 0}`,
          turns: end.turns ?? null,
          message: end.message ?? null,
          egress: end.egress === undefined ? null : JSON.stringify(end.egress),
          failed: sql<Flag>`${end.failed === true ? 1 : 0}`,
          parked_until: end.parkedUntil ?? null,
          // Who seals the journal of a dead supervisor knows no more than what was relayed.
          ...(end.usage === undefined ? {} : usageColumns(end.usage)),
        }))
        .where('slug', '=', slug)
        .where('run', '=', run)
        .where('ended_at', 'is', null)
        .execute();
    },

    async done(slug, run, status, summary) {
      await db
        .updateTable('runs')
        .set({ done_status: status, done_summary: summary })
        .where('slug', '=', slug)
        .where('run', '=', run)
        .where('done_status', 'is', null)
        .execute();
    },

    async session(slug, run, id) {
      await db
        .updateTable('runs')
        .set({ session: id })
        .where('slug', '=', slug)
        .where('run', '=', run)
        .execute();
    },

    async usage(slug, run, usage) {
      await db
        .updateTable('runs')
        .set(usageColumns(usage))
        .where('slug', '=', slug)
        .where('run', '=', run)
        .where('ended_at', 'is', null)
        .execute();
    },

    async sessionOf(slug) {
      return await db
        .selectFrom('runs')
        .select(['session', 'provider'])
        .where('slug', '=', slug)
        .where('session', 'is not', null)
        .$narrowType<{ session: string }>()
        .orderBy('run', 'desc')
        .executeTakeFirst();
    },

    async spentBy(slug, beforeRun) {
      const rows = await db
        .selectFrom('runs')
        .select(usageColumnNames)
        .where('slug', '=', slug)
        .where('run', '<', beforeRun)
        .execute();
      return rows.map((row) => toUsage(row) ?? noUsage).reduce(addUsage, noUsage);
    },

    async read(slug, run) {
      const row = await db
        .selectFrom('runs')
        .select(recordColumns)
        .where('slug', '=', slug)
        .where('run', '=', run)
        .executeTakeFirst();
      return row === undefined ? undefined : toRecord(row);
    },

    async ofIssue(issue) {
      const rows = await db
        .selectFrom('runs')
        .select(recordColumns)
        .where((where) => where.and(issueKey(issue)))
        .orderBy('life')
        .orderBy('run')
        .execute();
      return rows.map(toRecord);
    },

    async list({ repository, agents, outcomes, ended, since, until, after, limit }) {
      let query = db
        .selectFrom('runs')
        .select(recordColumns)
        .orderBy('prepared_at', 'desc')
        .orderBy('slug', 'desc')
        .orderBy('run', 'desc')
        .limit(limit);
      if (repository !== undefined) {
        const { forgeHost, id } = repository;
        query = query.where('forge_host', '=', forgeHost).where('repository_id', '=', id);
      }
      if (agents !== undefined) query = query.where(isOneOf('agent_name', agents));
      if (outcomes !== undefined) query = query.where(isOneOf('outcome', outcomes));
      if (ended !== undefined) query = query.where('ended_at', ended ? 'is not' : 'is', null);
      if (since !== undefined) query = query.where('prepared_at', '>=', since);
      if (until !== undefined) query = query.where('prepared_at', '<', until);
      if (after !== undefined) {
        query = query.where(({ eb, refTuple, tuple }) =>
          eb(
            refTuple('prepared_at', 'slug', 'run'),
            '<',
            tuple(after.preparedAt, after.slug, after.run),
          ),
        );
      }
      return (await query.execute()).map(toRecord);
    },

    async prompt(slug, run) {
      const row = await db
        .selectFrom('runs')
        .select('prompt')
        .where('slug', '=', slug)
        .where('run', '=', run)
        .executeTakeFirst();
      return row?.prompt;
    },
  };
}

const usageColumnNames = [
  'requests',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'cost_usd',
] as const satisfies readonly (keyof Schema['runs'])[];

/** All but the prompt, which may be long. */
const recordColumns = [
  'slug',
  'run',
  'owner',
  'repo',
  'issue_number',
  'forge_host',
  'repository_id',
  'life',
  'agent_name',
  'bottle_names',
  'backend_name',
  'host_id',
  'prompt_digest',
  'cause',
  'prepared_at',
  'started_at',
  'ended_at',
  'outcome',
  'exit_code',
  'reason',
  'done_status',
  'done_summary',
  'watchdog_fired',
  'provider',
  'model',
  'session',
  ...usageColumnNames,
  'turns',
  'message',
  'failed',
  'parked_until',
  'run_budget',
  'issue_budget',
  'manifest_digest',
  'egress',
] as const satisfies readonly (keyof Schema['runs'])[];

function toRecord(
  row: Pick<Selectable<Schema['runs']>, (typeof recordColumns)[number]>,
): RunRecord {
  return {
    issue: toIssueRef(row),
    slug: row.slug,
    life: row.life,
    run: row.run,
    agentName: row.agent_name,
    bottleNames: JSON.parse(row.bottle_names) as string[],
    backendName: row.backend_name,
    hostId: row.host_id,
    promptDigest: row.prompt_digest,
    cause: row.cause,
    preparedAt: row.prepared_at,
    startedAt: row.started_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    outcome: row.outcome ?? undefined,
    exitCode: row.exit_code ?? undefined,
    reason: row.reason ?? undefined,
    doneStatus: row.done_status ?? undefined,
    doneSummary: row.done_summary ?? undefined,
    watchdogFired: row.watchdog_fired === 1,
    provider: row.provider,
    model: row.model ?? undefined,
    session: row.session ?? undefined,
    usage: toUsage(row),
    turns: row.turns ?? undefined,
    message: row.message ?? undefined,
    failed: row.failed === 1,
    parkedUntil: row.parked_until ?? undefined,
    runBudget: JSON.parse(row.run_budget) as Budget,
    issueBudget: JSON.parse(row.issue_budget) as Budget,
    manifestDigest: row.manifest_digest ?? undefined,
    egress: row.egress === null ? undefined : (JSON.parse(row.egress) as EgressSummary),
  };
}

function usageColumns(usage: Usage) {
  return {
    requests: usage.requests,
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cache_read_tokens: usage.cacheReadTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    cost_usd: usage.costUsd ?? null,
  };
}

function toUsage(
  row: Pick<Selectable<Schema['runs']>, (typeof usageColumnNames)[number]>,
): Usage | undefined {
  return row.requests === null
    ? undefined
    : {
        requests: row.requests,
        inputTokens: row.input_tokens ?? 0,
        outputTokens: row.output_tokens ?? 0,
        cacheReadTokens: row.cache_read_tokens ?? 0,
        cacheWriteTokens: row.cache_write_tokens ?? 0,
        ...(row.cost_usd === null ? {} : { costUsd: row.cost_usd }),
      };
}
