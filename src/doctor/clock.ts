import { setTimeout as delay } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import proto from '@temporalio/proto';
import type { TemporalConfig } from '../config/temporal.ts';
import { fail, pass, warn, type Check, type Finding } from './check.ts';
import { withTemporal } from './temporal-connection.ts';

/** Who else has a clock. */
export interface OtherClock {
  /** As in "the clock of Temporal". */
  readonly owner: string;
  readonly needs: readonly Check[];
  /** Undefined: it does not tell. Off by a second at most. */
  read(signal: AbortSignal): Promise<Date | undefined>;
}

/** What is shown on issues and in `status` is off by this much. */
const noticedMs = 10_000;
/** The watchdog, TLS certificates and webhook tests go wrong. */
const harmfulMs = 120_000;

/** Temporal refuses a poll that has no end, or ends too soon. */
const pollMs = 10_000;

/** @param now this machine's clock, in epoch milliseconds */
export function clockCheck({ owner, needs, read }: OtherClock, now: () => number): Check {
  return {
    name: `clock of ${owner}`,
    needs,
    async run(signal) {
      const theirs = await read(signal);
      return [
        theirs === undefined
          ? pass(`${owner} does not tell the time`)
          : judge(now() - theirs.getTime(), owner),
      ];
    },
  };
}

function judge(aheadMs: number, owner: string): Finding {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  if (Math.abs(aheadMs) < noticedMs) return pass(`this machine's clock goes with it`);
  const trouble = Math.abs(aheadMs) < harmfulMs ? warn : fail;
  return trouble(
    `this machine's clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of ${owner}`,
    'Let both machines keep their time by NTP: `timedatectl set-ntp true`.',
  );
}

/** Temporal tells nobody the time. But it notes when a queue was last polled: ours is one that nobody else knows. */
export function temporalClock(temporal: TemporalConfig, needs: readonly Check[]): OtherClock {
  return {
    owner: 'Temporal',
    needs,
    read: (signal) =>
      withTemporal(temporal, signal, async (connection) => {
        const { namespace } = temporal;
        const taskQueue = { name: `clock-${randomUUID()}` };
        const done = new AbortController();
        const poll = connection
          .withAbortSignal(done.signal, () =>
            connection.withDeadline(Date.now() + pollMs, () =>
              connection.workflowService.pollActivityTaskQueue({
                namespace,
                taskQueue,
                identity: 'doctor',
              }),
            ),
          )
          // It never gets a task.
          .catch(() => undefined);
        try {
          for (;;) {
            const { pollers } = await connection.workflowService.describeTaskQueue({
              namespace,
              taskQueue,
              taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            });
            const seen = pollers?.[0]?.lastAccessTime;
            if (seen) return new Date(Number(seen.seconds) * 1000 + Number(seen.nanos) / 1e6);
            await delay(50, undefined, { signal });
          }
        } finally {
          done.abort();
          await poll;
        }
      }),
  };
}
