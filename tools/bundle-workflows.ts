import { join } from 'node:path';
import {
  bundleWorkflowCode,
  DefaultLogger,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { findProjectRoot } from './project-root.ts';

/** The workflows' code as Temporal's workers load it. */
export async function bundleWorkflows(): Promise<WorkflowBundleWithSourceMap> {
  const workflowsPath = join(findProjectRoot(), 'src', 'workflows', 'index.ts');
  return await bundleWorkflowCode({
    workflowsPath,
    // Loaded once in a worker, and not by each workflow that begins: none of these modules keeps anything.
    preloadModules: [workflowsPath],
    logger: new DefaultLogger('WARN'),
  });
}
