import {
  type Client,
  isGrpcServiceError,
  QueryRejectedError,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  type WorkflowStartOptions,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure, type QueryDefinition } from '@temporalio/common';
import { type IssueCommands, WorkflowsUnavailableError } from '../api/issue-commands.ts';
import { issueWorkflowId, orchestratorTaskQueue } from '../domain/ids.ts';
import { formatIssue, type IssueRef } from '../domain/issue.ts';
import type { CommandAnswer, IssueCommand } from '../domain/issue-command.ts';
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
  approveUpdate,
  commandRefused,
  destroyUpdate,
  extendDeadlineUpdate,
  freezeUpdate,
  issueWorkflowType,
  type LifecycleSettings,
  resumeUpdate,
  retryUpdate,
  type SignalDone,
  signalDone,
  statusQuery,
  timelineQuery,
} from '../workflows/messages.ts';
import { searchAttributes } from '../workflows/search-attributes.ts';

/** gRPC's INVALID_ARGUMENT. Wrong credentials or rights are a person's to mend, and nothing is lost meanwhile. */
const invalidArgument = 3;
const notFound = 5;
const answerWithinMs = 10_000;

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
        if (isNotFound(error)) {
          return 'no-workflow';
        }
        throw classified(error);
      }
    },

    async command(issue, title, url, command) {
      try {
        return await sendCommand(client, issue, command, () =>
          issueWorkflowOptions(issue, settings, title, url),
        );
      } catch (error) {
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

/**
 * What the API asks of the workflows: Temporal updates and queries.
 * @param titleOf title and web address of an issue that had a life before, for display only
 */
export function createIssueCommands(
  client: Client,
  settings: LifecycleSettings,
  titleOf: (issue: IssueRef) => Promise<{ title: string; url: string } | undefined>,
): IssueCommands {
  return {
    async send(issue, command) {
      const { title, url } = (await titleOf(issue)) ?? { title: 'retried', url: '' };
      try {
        return await sendCommand(client, issue, command, () =>
          issueWorkflowOptions(issue, settings, title, url),
        );
      } catch (error) {
        throw unavailable(error);
      }
    },

    status: (issue) => ask(issue, statusQuery),
    timeline: (issue) => ask(issue, timelineQuery),
  };

  async function ask<T>(issue: IssueRef, query: QueryDefinition<T>): Promise<T | undefined> {
    const handle = client.workflow.getHandle(issueWorkflowId(issue));
    try {
      return await client.withDeadline(Date.now() + answerWithinMs, async () => {
        try {
          return await handle.query(query);
        } catch (error) {
          if (!(error instanceof QueryRejectedError)) {
            throw error;
          }
          // Closed, or in the moment in which one execution gives way to the next: the second answer tells.
          return await handle.query(query);
        }
      });
    } catch (error) {
      if (isNotFound(error) || error instanceof QueryRejectedError) {
        return undefined;
      }
      throw unavailable(error);
    }
  }
}

/**
 * A Temporal update, within a few seconds.
 * @param start how `retry` begins a workflow where none is open
 */
async function sendCommand(
  client: Client,
  issue: IssueRef,
  command: IssueCommand,
  start: () => ReturnType<typeof issueWorkflowOptions>,
): Promise<CommandAnswer> {
  try {
    const { phase } = await client.withDeadline(Date.now() + answerWithinMs, () =>
      update(client, issue, command, start),
    );
    return { answer: 'accepted', phase };
  } catch (error) {
    const refused = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
    if (refused instanceof ApplicationFailure && refused.type === commandRefused) {
      return { answer: 'refused', reason: refused.message };
    }
    if (isNotFound(error)) {
      return { answer: 'no-workflow' };
    }
    throw error;
  }
}

async function update(
  client: Client,
  issue: IssueRef,
  { type, ...asked }: IssueCommand,
  start: () => ReturnType<typeof issueWorkflowOptions>,
): Promise<Accepted> {
  const handle = client.workflow.getHandle(issueWorkflowId(issue));
  switch (type) {
    case 'approve':
      return await handle.executeUpdate(approveUpdate, { args: [asked] });
    case 'freeze':
      return await handle.executeUpdate(freezeUpdate, { args: [asked] });
    case 'resume':
      return await handle.executeUpdate(resumeUpdate, { args: [asked] });
    case 'destroy':
      return await handle.executeUpdate(destroyUpdate, { args: [asked] });
    case 'extend':
      return await handle.executeUpdate(extendDeadlineUpdate, { args: [asked] });
    case 'retry':
      return await client.workflow.executeUpdateWithStart(retryUpdate, {
        args: [asked],
        startWorkflowOperation: new WithStartWorkflowOperation<typeof issueWorkflow>(
          issueWorkflowType,
          { ...start(), workflowIdConflictPolicy: 'USE_EXISTING' },
        ),
      });
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || codeOf(error) === notFound;
}

function unavailable(error: unknown): WorkflowsUnavailableError {
  const message = error instanceof Error ? error.message : String(error);
  return new WorkflowsUnavailableError(`Temporal does not answer: ${message}`, { cause: error });
}

function classified(error: unknown): Error {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return code === invalidArgument
    ? new SignalRefusedError(message, { cause: error })
    : new SignalsUnavailableError(message, { cause: error });
}

function codeOf(error: unknown): number | undefined {
  if (isGrpcServiceError(error)) {
    return error.code;
  }
  return error instanceof Error && isGrpcServiceError(error.cause) ? error.cause.code : undefined;
}
