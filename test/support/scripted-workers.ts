import { createWorkers, type WorkerPorts, type Workers } from '../../src/temporal/workers.ts';
import type { ScriptedHost } from './scripted-host.ts';
import { type TestTemporal, workflowBundle } from './temporal.ts';

/** Workers of a scripted host, whose Schedules find nothing to do. @param ports in place of those of the script */
export async function createScriptedWorkers(
  temporal: TestTemporal,
  host: ScriptedHost,
  ports: Partial<WorkerPorts> = {},
): Promise<Workers> {
  return await createWorkers({
    connection: temporal.nativeConnection,
    namespace: 'default',
    workflowBundle: await workflowBundle(),
    forge: host.forge,
    reports: host.reports,
    records: host.records,
    hostActivities: host.activities,
    leftovers: { destroyLeftovers: async () => ({ destroyed: 0 }) },
    space: { lookAtSpace: async () => undefined },
    sending: { sendNotification: async () => undefined },
    reconcile: { reconcile: async () => ({ requests: 0, lookedAt: 0, found: 0 }) },
    hostId: host.hostId,
    places: { limit: host.places, countSettled: async () => host.living() },
    ...ports,
  });
}
