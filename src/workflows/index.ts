export { issueWorkflow } from './issue-workflow.ts';
export { leftoversWorkflow } from './leftovers-workflow.ts';
export { notificationWorkflow } from './notification-workflow.ts';
export { reconcileWorkflow } from './reconcile-workflow.ts';
