import type { Generated } from 'kysely';
import type { ProviderName } from '../domain/agent.ts';
import type { TokenScope } from '../domain/api-token.ts';
import type { BackendName } from '../domain/bottle.ts';
import type { CommentKind } from '../domain/issue.ts';
import type { NotifierName } from '../domain/notification.ts';
import type { Operation, OperationName } from '../domain/operation.ts';
import type { DoneStatus, Outcome, Phase, Status } from '../domain/run.ts';
import type { DeliverySource, DeliveryState, StateChangeKind } from './store.ts';

/** The tables as SQLite holds them: times are epoch milliseconds, booleans 0 or 1, lists JSON. */
export interface Schema {
  readonly deliveries: DeliveriesTable;
  readonly repositories: RepositoriesTable;
  readonly told_once: { readonly repository_id: number; readonly what: string };
  readonly forge_state: ForgeStateTable;
  readonly untargeted_issues: IssueKey & { readonly since: number };
  readonly comments: CommentsTable;
  readonly own_comments: { readonly repository_id: number; readonly id: number };
  readonly runs: RunsTable;
  readonly operations: OperationsTable;
  readonly api_tokens: ApiTokensTable;
  readonly notifications: NotificationsTable;
  readonly sent_notifications: SentNotificationsTable;
  readonly state_changes: StateChangesTable;
  readonly reconcile_cursors: { readonly repository_id: number; readonly since: number };
  readonly reconcile_looks: ReconcileLooksTable;
  readonly reconcile_turns: ReconcileTurnsTable;
  readonly shown_commits: ShownCommitsTable;
}

export type Flag = 0 | 1;

interface IssueKey {
  readonly owner: string;
  readonly repo: string;
  readonly issue_number: number;
}

interface DeliveriesTable {
  readonly sequence: Generated<number>;
  readonly digest: string;
  readonly delivery_id: string;
  readonly event: string;
  readonly order_key: string;
  readonly headers: string;
  readonly body: Uint8Array;
  readonly received_at: number;
  readonly state: DeliveryState;
  readonly reason: string | null;
  readonly attempts: Generated<number>;
  readonly due_at: number;
  readonly source: Generated<DeliverySource>;
}

interface StateChangesTable {
  readonly repository_id: number;
  readonly number: number;
  readonly change: StateChangeKind;
  readonly at: number;
  readonly sequence: number;
}

interface ReconcileLooksTable {
  readonly repository_id: number;
  readonly number: number;
  readonly changed_at: number;
  readonly first_at: number;
  readonly settled: Flag;
}

interface ReconcileTurnsTable {
  readonly rowid: Generated<number>;
  readonly began_at: number;
  readonly ended_at: number;
  readonly requests: number;
  readonly looked_at: number;
  readonly found: string;
  readonly problem: string | null;
}

interface ShownCommitsTable {
  readonly repository_id: number;
  readonly number: number;
  readonly head_commit: string;
}

interface RepositoriesTable {
  readonly forge_host: string;
  readonly id: number;
  readonly first_owner: string;
  readonly first_name: string;
  readonly owner: string;
  readonly name: string;
  readonly named_at: number;
}

interface ForgeStateTable extends IssueKey {
  readonly slug: string;
  readonly agent_name: string;
  readonly bottle_names: string;
  readonly backend_name: BackendName;
  readonly agent_git_user: string;
  readonly pr_number: number | null;
  readonly status: Status | null;
  readonly last_checkin_at: number | null;
  readonly forge_host: string;
  readonly repository_id: number;
  readonly workflow_id: string;
  readonly life: number;
  readonly title: string;
  readonly url: string;
  readonly branch: string;
  readonly began_at: number;
  readonly phase: Phase;
  readonly since: number;
  readonly pr_merged: Flag;
  readonly outcome: Outcome | null;
  readonly run: number;
  readonly last_sequence: Generated<number>;
  readonly attention: string | null;
  readonly parked_until: number | null;
}

interface CommentsTable {
  readonly repository_id: number;
  readonly kind: CommentKind;
  readonly id: number;
  readonly issue_number: number;
  readonly on_number: number;
  readonly author: string;
  readonly sequence: number;
  readonly counts: Flag;
  readonly reason: string | null;
  readonly read_by_slug: string | null;
  readonly read_by_run: number | null;
  readonly command_accepted: Flag | null;
  readonly command_refusal: string | null;
}

interface RunsTable extends IssueKey {
  readonly slug: string;
  readonly run: number;
  readonly forge_host: string;
  readonly repository_id: number;
  readonly life: number;
  readonly agent_name: string;
  readonly bottle_names: string;
  readonly backend_name: BackendName;
  readonly host_id: string;
  readonly prompt: string;
  readonly prompt_digest: string;
  readonly cause: string;
  readonly prepared_at: number;
  readonly started_at: number | null;
  readonly ended_at: number | null;
  readonly outcome: Outcome | null;
  readonly exit_code: number | null;
  readonly reason: string | null;
  readonly done_status: DoneStatus | null;
  readonly done_summary: string | null;
  readonly watchdog_fired: Flag;
  readonly provider: ProviderName;
  readonly model: string | null;
  readonly session: string | null;
  readonly requests: number | null;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cache_read_tokens: number | null;
  readonly cache_write_tokens: number | null;
  readonly cost_usd: number | null;
  readonly turns: number | null;
  readonly message: string | null;
  readonly failed: Flag;
  readonly parked_until: number | null;
  readonly run_budget: string;
  readonly issue_budget: string;
  readonly manifest_digest: string | null;
  readonly egress: string | null;
}

interface OperationsTable {
  readonly slug: string;
  readonly run: number;
  readonly sequence: number;
  readonly at: number;
  readonly operation: OperationName;
  readonly target: string;
  readonly arguments_digest: string;
  readonly arguments_short: string;
  readonly outcome: Operation['outcome'];
  readonly reason: string | null;
  readonly duration_ms: number;
}

interface ApiTokensTable {
  readonly name: string;
  readonly digest: string;
  readonly scope: TokenScope;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly last_used_at: number | null;
}

interface NotificationsTable {
  readonly id: string;
  readonly subject: string;
  /** `NotificationContent` */
  readonly content: string;
  readonly raised_at: number;
  readonly over_at: number | null;
  readonly handed_over: Flag;
}

interface SentNotificationsTable {
  readonly id: string;
  readonly notifier: NotifierName;
  readonly sent_at: number;
}
