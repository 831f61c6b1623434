import { sql, type Kysely, type Selectable } from 'kysely';
import type { IssueRef } from '../domain/issue.ts';
import { statusOfPhase } from '../domain/run.ts';
import { isOneOf } from './filters.ts';
import type { Schema } from './schema.ts';
import type { IssueRecord, IssueStore } from './store.ts';

export function issueStore(db: Kysely<Schema>): IssueStore {
  return {
    async beginLife(record) {
      const life = {
        ...issueKey(record.issue),
        slug: record.slug,
        agent_name: record.agentName,
        bottle_names: JSON.stringify(record.bottleNames),
        backend_name: record.backendName,
        agent_git_user: record.agentGitUser,
        pr_number: record.prNumber ?? null,
        status: null,
        last_checkin_at: null,
        forge_host: record.issue.repository.forgeHost,
        repository_id: record.issue.repository.id,
        workflow_id: record.workflowId,
        life: record.life,
        title: record.title,
        url: record.url,
        branch: record.branch,
        began_at: record.beganAt,
        phase: 'queued' as const,
        since: record.beganAt,
        pr_merged: 0 as const,
        outcome: null,
        run: 0,
        attention: null,
        parked_until: null,
      };
      await db.transaction().execute(async (transaction) => {
        await transaction
          .insertInto('forge_state')
          .values(life)
          // Sequence numbers are kept across lives, so last_sequence stays.
          .onConflict((conflict) =>
            conflict.columns(['owner', 'repo', 'issue_number']).doUpdateSet(life),
          )
          .execute();
        await transaction
          .deleteFrom('untargeted_issues')
          .where((row) => row.and(issueKey(record.issue)))
          .execute();
      });
    },

    async update(issue, change) {
      if (Object.values(change).every((value) => value === undefined)) {
        return;
      }
      const { phase, prMerged, lastCheckinAt, lastSequence } = change;
      await db
        .updateTable('forge_state')
        .where((row) => row.and(issueKey(issue)))
        .set({
          pr_number: change.prNumber,
          outcome: change.outcome,
          run: change.run,
          attention: change.attention,
          parked_until: change.parkedUntil,
          ...(prMerged !== undefined && { pr_merged: prMerged ? 1 : 0 }),
          ...(phase !== undefined && {
            phase,
            status: statusOfPhase(phase) ?? null,
            since: sql<number>`case when phase = ${phase} then since else ${Date.now()} end`,
          }),
          // A late write never turns these back.
          ...(lastCheckinAt !== undefined && {
            last_checkin_at: sql<number>`max(coalesce(last_checkin_at, 0), ${lastCheckinAt})`,
          }),
          ...(lastSequence !== undefined && {
            last_sequence: sql<number>`max(last_sequence, ${lastSequence})`,
          }),
        })
        .execute();
    },

    async read(issue) {
      const row = await db
        .selectFrom('forge_state')
        .selectAll()
        .where((where) => where.and(issueKey(issue)))
        .executeTakeFirst();
      return row === undefined ? undefined : toRecord(row);
    },

    async bySlug(slug) {
      const row = await db
        .selectFrom('forge_state')
        .selectAll()
        .where('slug', '=', slug)
        .executeTakeFirst();
      return row === undefined ? undefined : toRecord(row);
    },

    async all() {
      const rows = await db
        .selectFrom('forge_state')
        .selectAll()
        .orderBy('owner')
        .orderBy('repo')
        .orderBy('issue_number')
        .execute();
      return rows.map(toRecord);
    },

    async list({ repository, phases, statuses, agents, outcomes, attention, ...range }) {
      const { since, until, after, limit } = range;
      let query = db
        .selectFrom('forge_state')
        .selectAll()
        .orderBy('since', 'desc')
        .orderBy('slug', 'desc')
        .limit(limit);
      if (repository !== undefined) {
        const { forgeHost, id } = repository;
        query = query.where('forge_host', '=', forgeHost).where('repository_id', '=', id);
      }
      if (phases !== undefined) query = query.where(isOneOf('phase', phases));
      if (statuses !== undefined) query = query.where(isOneOf('status', statuses));
      if (agents !== undefined) query = query.where(isOneOf('agent_name', agents));
      if (outcomes !== undefined) query = query.where(isOneOf('outcome', outcomes));
      if (attention !== undefined) {
        query = query.where('attention', attention ? 'is not' : 'is', null);
      }
      if (since !== undefined) query = query.where('since', '>=', since);
      if (until !== undefined) query = query.where('since', '<', until);
      if (after !== undefined) {
        query = query.where(({ eb, refTuple, tuple }) =>
          eb(refTuple('since', 'slug'), '<', tuple(after.since, after.slug)),
        );
      }
      return (await query.execute()).map(toRecord);
    },

    async markUntargeted(issue, at) {
      await db
        .insertInto('untargeted_issues')
        .values({ ...issueKey(issue), since: at })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },

    async markTargeted(issue) {
      await db
        .deleteFrom('untargeted_issues')
        .where((where) => where.and(issueKey(issue)))
        .execute();
    },

    async untargetedSince(issue) {
      const row = await db
        .selectFrom('untargeted_issues')
        .select('since')
        .where((where) => where.and(issueKey(issue)))
        .executeTakeFirst();
      return row?.since;
    },
  };
}

/** The founding documents' key, with the repository's first-seen name. */
export function issueKey(issue: IssueRef): { owner: string; repo: string; issue_number: number } {
  const { owner, name } = issue.repository;
  return { owner, repo: name, issue_number: issue.number };
}

/** The issue of a row that has `issueKey` and the repository's host and id. */
export function toIssueRef(row: {
  readonly forge_host: string;
  readonly repository_id: number;
  readonly owner: string;
  readonly repo: string;
  readonly issue_number: number;
}): IssueRef {
  return {
    repository: {
      forgeHost: row.forge_host,
      id: row.repository_id,
      owner: row.owner,
      name: row.repo,
    },
    number: row.issue_number,
  };
}

function toRecord(row: Selectable<Schema['forge_state']>): IssueRecord {
  return {
    issue: toIssueRef(row),
    workflowId: row.workflow_id,
    life: row.life,
    slug: row.slug,
    title: row.title,
    url: row.url,
    agentName: row.agent_name,
    bottleNames: JSON.parse(row.bottle_names) as string[],
    backendName: row.backend_name,
    agentGitUser: row.agent_git_user,
    branch: row.branch,
    prNumber: row.pr_number ?? undefined,
    beganAt: row.began_at,
    phase: row.phase,
    status: row.status ?? undefined,
    since: row.since,
    prMerged: row.pr_merged === 1,
    lastCheckinAt: row.last_checkin_at ?? undefined,
    outcome: row.outcome ?? undefined,
    run: row.run,
    lastSequence: row.last_sequence,
    attention: row.attention ?? undefined,
    parkedUntil: row.parked_until ?? undefined,
  };
}
