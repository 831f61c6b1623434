import { test } from 'vitest';
import { ensureLeftoversSchedule, ensureReconcileSchedule } from '../../src/temporal/schedules.ts';
import { startTestTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';

test('there is one Schedule that reconciles, also after the forge got another name', async () => {
  await using temporal = await startTestTemporal();
  const { client } = temporal;
  const schedules = async (): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { scheduleId } of client.schedule.list()) ids.push(scheduleId);
    return ids.toSorted();
  };
  await ensureLeftoversSchedule(client, 'host', 60_000);
  await ensureReconcileSchedule(client, 'old.example', 60_000);
  await until('the list', async () => (await schedules()).length === 2);
  await ensureReconcileSchedule(client, 'new.example', 60_000);
  await until(
    'only the new one',
    async () => (await schedules()).join() === 'leftovers/host,reconcile/new.example',
  );
});
