import {
  type NativeConnection,
  type SlotSupplier,
  Worker,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import type {
  ForgeActivities,
  HostActivities,
  RecordActivities,
  ReportActivities,
} from '../activities/inputs.ts';
import type { LeftoverActivities } from '../activities/leftovers.ts';
import type { SendActivities } from '../activities/send-notification.ts';
import type { SpaceActivities } from '../activities/space.ts';
import type { ReconcileActivities } from '../activities/reconcile.ts';
import { hostTaskQueues, orchestratorTaskQueue } from '../domain/ids.ts';
import { launchSlots } from './launch-slots.ts';

export interface WorkerPorts {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly workflowBundle: WorkflowBundleOption;
  readonly forge: ForgeActivities;
  readonly reports: ReportActivities;
  readonly records: RecordActivities;
  readonly hostActivities: HostActivities;
  readonly leftovers: LeftoverActivities;
  readonly space: SpaceActivities;
  readonly sending: SendActivities;
  readonly reconcile: ReconcileActivities;
  readonly hostId: string;
  readonly places: { readonly limit: number; countSettled(): Promise<number> };
}

export interface Workers {
  /** Resolves when all have stopped; rejects when one fails. */
  run(): Promise<void>;
  /** Asks all to drain: activities are told, agents are not touched. */
  shutdown(): void;
  /** True while every worker polls. */
  polling(): boolean;
}

/**
 * The workers of one orchestrator: one for workflows and what needs no particular host, and one per host queue,
 * because each must be free of the others (a full host can still clean up, a probe is never behind a freeze).
 */
export async function createWorkers(ports: WorkerPorts): Promise<Workers> {
  const { connection, namespace, hostActivities: host } = ports;
  const queues = hostTaskQueues(ports.hostId);
  const common = {
    connection,
    namespace,
    // Cancellation and the news of a death travel with heartbeats.
    maxHeartbeatThrottleInterval: '1 second',
    defaultHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime: '5 seconds',
  };
  const fixed = (numSlots: number): SlotSupplier<never> => ({ type: 'fixed-size', numSlots });
  const workers = await Promise.all([
    Worker.create({
      ...common,
      taskQueue: orchestratorTaskQueue,
      workflowBundle: ports.workflowBundle,
      activities: {
        ...ports.forge,
        ...ports.reports,
        ...ports.records,
        ...ports.sending,
        ...ports.reconcile,
      },
      // A cached workflow takes up to 1 MB.
      maxCachedWorkflows: 100,
      // After a crash a workflow task waits this long for the dead process that had it cached.
      stickyQueueScheduleToStartTimeout: '1 second',
    }),
    Worker.create({
      ...common,
      taskQueue: queues.launch,
      activities: { launchBottle: host.launchBottle },
      tuner: {
        activityTaskSlotSupplier: launchSlots(
          () => ports.places.countSettled(),
          ports.places.limit,
        ),
        workflowTaskSlotSupplier: fixed(2),
        localActivityTaskSlotSupplier: fixed(1),
        nexusTaskSlotSupplier: fixed(1),
      },
    }),
    Worker.create({
      ...common,
      taskQueue: queues.watch,
      activities: { watchBottle: host.watchBottle },
      // A watch has nothing to finish: it detaches at once.
      shutdownGraceTime: 0,
      // Every bottle is watched: never limited.
      maxConcurrentActivityTaskExecutions: 10_000,
    }),
    Worker.create({
      ...common,
      taskQueue: queues.control,
      activities: {
        stopRun: host.stopRun,
        freezeBottle: host.freezeBottle,
        destroyBottle: host.destroyBottle,
        ...ports.leftovers,
        ...ports.space,
      },
      maxConcurrentActivityTaskExecutions: 32,
    }),
    Worker.create({
      ...common,
      taskQueue: queues.probe,
      activities: { probeRun: host.probeRun },
      maxConcurrentActivityTaskExecutions: 32,
    }),
  ]);
  const shutdown = (): void => {
    for (const worker of workers) {
      if (worker.getState() === 'RUNNING') {
        worker.shutdown();
      }
    }
  };
  return {
    async run() {
      const running = workers.map((worker) => worker.run());
      try {
        await Promise.all(running);
      } finally {
        // One that fails must not leave the others beside a second set.
        shutdown();
        await Promise.allSettled(running);
      }
    },
    shutdown,
    polling: () => workers.every((worker) => worker.getState() === 'RUNNING'),
  };
}
