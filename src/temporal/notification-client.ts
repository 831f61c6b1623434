import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { orchestratorTaskQueue } from '../domain/ids.ts';
import type { StartSending } from '../notifications/notifications.ts';
import { notificationWorkflowType } from '../workflows/messages.ts';
import type { notificationWorkflow } from '../workflows/notification-workflow.ts';

/** The notifications' way to Temporal: one workflow each, by its id. */
export function createSendingStarter(client: Client): StartSending {
  return async ({ id, event, title }, notifiers) => {
    try {
      await client.workflow.start<typeof notificationWorkflow>(notificationWorkflowType, {
        taskQueue: orchestratorTaskQueue,
        workflowId: `notification/${event}/${id}`,
        args: [{ id, notifiers }],
        // It is sent once, also by a workflow that is over.
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        staticSummary: title.slice(0, 200),
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) {
        throw error;
      }
    }
  };
}
