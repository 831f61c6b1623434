import {
  type Client,
  isGrpcServiceError,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { issueWorkflowId, orchestratorTaskQueue } from '../domain/ids.ts';
import { formatIssue, type IssueRef } from '../domain/issue.ts';
import {
  SignalRefusedError,
  SignalsUnavailableError,
  type WorkflowEvent,
  type WorkflowSignals,
} from '../inbox/workflow-signals.ts';
import type { WorkflowLookup } from '../activities/leftovers.ts';
import type { issueWorkflow } from '../workflows/issue-workflow.ts';
import {
  type Accepted,
  type Command,
  issueWorkflowType,
  type LifecycleSettings,
  retryUpdate,
  type SignalDone,
  signalDone,
  statusQuery,
} from '../workflows/messages.ts';
import { searchAttributes } from '../workflows/search-attributes.ts';

/** gRPC codes after which another try makes no sense. */
const permanent: ReadonlySet<number> = new Set([
  3 /* INVALID_ARGUMENT */, 7 /* PERMISSION_DENIED */, 12 /* UNIMPLEMENTED */,
  16 /* UNAUTHENTICATED */,
]);
const notFound = 5;

/** How an issue's workflow is begun: by an event, or by `retry`. */
export function issueWorkflowOptions(
  issue: IssueRef,
  settings: LifecycleSettings,
  title: string,
  url: string,
): Omit<WorkflowStartOptions<typeof issueWorkflow>, 'args'> & {
  args: Parameters<typeof issueWorkflow>;
} {
  return {
    taskQueue: orchestratorTaskQueue,
    workflowId: issueWorkflowId(issue),
    args: [{ issue, settings }],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `${formatIssue(issue)}: ${title}`.slice(0, 200),
    staticDetails: url === '' ? title : `[${title.replace(/[[\]]/g, '')}](${url})`,
    typedSearchAttributes: [
      {
        key: searchAttributes.repository,
        value: `${issue.repository.owner}/${issue.repository.name}`,
      },
      { key: searchAttributes.issue, value: issue.number },
      { key: searchAttributes.phase, value: 'queued' },
    ],
  };
}

/** The inbox's way to the workflows. */
export function createWorkflowSignals(
  client: Client,
  settings: LifecycleSettings,
): WorkflowSignals {
  return {
    async signalWithStart(issue, title, url, { signal, event }) {
      try {
        await client.workflow.signalWithStart<typeof issueWorkflow, [WorkflowEvent['event']]>(
          issueWorkflowType,
          {
            ...issueWorkflowOptions(issue, settings, title, url),
            signal,
            signalArgs: [event],
          },
        );
      } catch (error) {
        throw classified(error);
      }
    },

    async signal(issue, { signal, event }) {
      try {
        await client.workflow.getHandle(issueWorkflowId(issue)).signal(signal, event);
        return 'delivered';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError || codeOf(error) === notFound) {
          return 'no-workflow';
        }
        throw classified(error);
      }
    },
  };
}

/** Tells an issue's workflow that its agent is done. A workflow that is gone is no error. */
export function createDoneSignal(client: Client) {
  return async (workflowId: string, done: SignalDone): Promise<void> => {
    try {
      await client.workflow.getHandle(workflowId).signal(signalDone, done);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) {
        throw error;
      }
    }
  };
}

/**
 * Whether a workflow is open, and with which bottle; `unknown` when Temporal has forgotten it or never had it.
 * A workflow's id serves all lives of an issue.
 */
export function createWorkflowLookup(client: Client) {
  return async (workflowId: string): Promise<WorkflowLookup> => {
    const handle = client.workflow.getHandle(workflowId);
    try {
      const { status } = await handle.describe();
      return status.name === 'RUNNING'
        ? { state: 'open', slug: (await handle.query(statusQuery)).slug }
        : { state: 'closed' };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) {
        return { state: 'unknown' };
      }
      throw error;
    }
  };
}

/** Starts another life where none is open. */
export async function retryWithStart(
  client: Client,
  issue: IssueRef,
  settings: LifecycleSettings,
  command: Command,
): Promise<Accepted> {
  return await client.workflow.executeUpdateWithStart(retryUpdate, {
    args: [command],
    startWorkflowOperation: new WithStartWorkflowOperation<typeof issueWorkflow>(
      issueWorkflowType,
      {
        ...issueWorkflowOptions(issue, settings, 'retry', ''),
        workflowIdConflictPolicy: 'USE_EXISTING',
      },
    ),
  });
}

function classified(error: unknown): Error {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return code !== undefined && permanent.has(code)
    ? new SignalRefusedError(message, { cause: error })
    : new SignalsUnavailableError(message, { cause: error });
}

function codeOf(error: unknown): number | undefined {
  if (isGrpcServiceError(error)) {
    return error.code;
  }
  return error instanceof Error && isGrpcServiceError(error.cause) ? error.cause.code : undefined;
}
