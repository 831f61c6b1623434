import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * `forge_state` keeps the key and the columns of the founding documents; the columns after `last_checkin_at` are ours.
 * Its `owner` and `repo` are the repository's first-seen name, as in the workflow's id.
 */
const tables = [
  sql`create table deliveries (
    sequence integer primary key,
    digest text not null unique,
    delivery_id text not null,
    event text not null,
    order_key text not null,
    headers text not null,
    body blob not null,
    received_at integer not null,
    state text not null check (state in ('waiting', 'dispatched', 'ignored', 'set-aside')),
    reason text,
    attempts integer not null default 0,
    due_at integer not null
  ) strict`,
  sql`create index deliveries_waiting on deliveries (order_key, sequence) where state = 'waiting'`,

  sql`create table repositories (
    forge_host text not null,
    id integer not null,
    first_owner text not null collate nocase,
    first_name text not null collate nocase,
    owner text not null collate nocase,
    name text not null collate nocase,
    named_at integer not null,
    primary key (forge_host, id),
    unique (forge_host, first_owner, first_name)
  ) strict`,

  sql`create table forge_state (
    owner text not null collate nocase,
    repo text not null collate nocase,
    issue_number integer not null,
    slug text not null unique,
    agent_name text not null,
    bottle_names text not null,
    backend_name text not null,
    agent_git_user text not null,
    pr_number integer,
    status text check (status in ('running', 'frozen', 'destroyed')),
    last_checkin_at integer,
    forge_host text not null,
    repository_id integer not null,
    workflow_id text not null,
    life integer not null,
    title text not null,
    url text not null,
    branch text not null,
    began_at integer not null,
    phase text not null,
    since integer not null,
    pr_merged integer not null default 0,
    outcome text,
    run integer not null default 0,
    last_sequence integer not null default 0,
    attention text,
    primary key (owner, repo, issue_number)
  ) strict`,
  sql`create table untargeted_issues (
    owner text not null collate nocase,
    repo text not null collate nocase,
    issue_number integer not null,
    since integer not null,
    primary key (owner, repo, issue_number)
  ) strict`,

  sql`create table comments (
    repository_id integer not null,
    kind text not null check (kind in ('conversation', 'review', 'inline')),
    id integer not null,
    issue_number integer not null,
    on_number integer not null,
    author text not null,
    sequence integer not null,
    counts integer not null,
    reason text,
    read_by_slug text,
    read_by_run integer,
    primary key (repository_id, kind, id)
  ) strict`,
  sql`create index comments_of_issue on comments (repository_id, issue_number) where counts = 1`,
  sql`create index comments_read_by on comments (read_by_slug, read_by_run)
    where read_by_slug is not null`,
  sql`create table own_comments (
    repository_id integer not null,
    id integer not null,
    primary key (repository_id, id)
  ) strict, without rowid`,

  sql`create table runs (
    slug text not null,
    run integer not null,
    owner text not null collate nocase,
    repo text not null collate nocase,
    issue_number integer not null,
    forge_host text not null,
    repository_id integer not null,
    life integer not null,
    agent_name text not null,
    bottle_names text not null,
    backend_name text not null,
    host_id text not null,
    prompt text not null,
    prompt_digest text not null,
    cause text not null,
    prepared_at integer not null,
    started_at integer,
    ended_at integer,
    outcome text,
    exit_code integer,
    reason text,
    done_status text,
    done_summary text,
    watchdog_fired integer not null default 0,
    primary key (slug, run)
  ) strict`,
  sql`create index runs_of_issue on runs (owner, repo, issue_number)`,

  sql`create table operations (
    slug text not null,
    run integer not null,
    sequence integer not null check (sequence > 0),
    at integer not null,
    operation text not null,
    target text not null,
    arguments_digest text not null,
    arguments_short text not null,
    outcome text not null check (outcome in ('ok', 'rejected', 'error')),
    reason text,
    duration_ms real not null,
    primary key (slug, run, sequence)
  ) strict, without rowid`,
];

export const firstSchema: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of tables) {
      await statement.execute(db);
    }
  },
};
