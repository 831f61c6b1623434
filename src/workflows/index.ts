export { issueWorkflow } from './issue-workflow.ts';
