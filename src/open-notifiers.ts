import type { NotifyTestHandler } from './cli/notify.ts';
import { loadNotifierConfig } from './config/load.ts';
import type { Environment } from './config/sources.ts';
import { createNotifiers } from './notifications/registry.ts';
import { tryNotifiers } from './notifications/try-notifiers.ts';

/** What `notify test` does: no orchestrator has to run. */
export function openNotifyTest(environment: Environment): NotifyTestHandler {
  return (options) => tryNotifiers(createNotifiers(loadNotifierConfig(environment, options)));
}
