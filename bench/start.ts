import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { issueWorkflowId } from '../src/domain/ids.ts';
import { until } from '../test/support/until.ts';
import { startWorld } from '../test/support/world.ts';
import type { Bench } from './bench.ts';
import { startChild } from './child.ts';
import { DeliveryClient, deliveryOf, webhookSecret } from './deliveries.ts';
import type { emptyWorkflow } from './empty-workflow.ts';
import type { Figure } from './figure.ts';
import { inTurn, now } from './measure.ts';
import { eventsOf, toMilliseconds } from './workflow-history.ts';

const rounds = 40;
/** What Temporal still does for a workflow that has closed made the next one wait for up to 50 ms. */
const restMs = 250;
const taskQueue = 'empty';

/**
 * From a delivery sent to the first workflow task done, against the least that Temporal takes for it. Both end at the same
 * event: the first `WorkflowTaskCompleted`, by the server's clock, which is this machine's.
 */
export async function measureStart(bench: Bench): Promise<Figure[]> {
  const world = await bench.own(() =>
    startWorld({
      environment: { FORGE_WEBHOOK_SECRET: webhookSecret, ORCHESTRATOR_LOG_LEVEL: 'info' },
    }),
  );
  const { client, server } = world.temporal;
  await bench.own(() =>
    startChild(import.meta.resolve('./empty-worker.ts'), [server.address, taskQueue]),
  );
  using deliveries = await DeliveryClient.connect(world.orchestrator.url);
  let issues = 0;

  async function ours(): Promise<number> {
    const number = ++issues;
    const request = deliveryOf(number);
    await delay(restMs);
    const sentAt = now();
    await deliveries.deliver(request);
    return (await firstTaskDoneAt(client, workflowIdOf(number))) - sentAt;
  }

  async function bare(): Promise<number> {
    const workflowId = `empty-${randomUUID()}`;
    await delay(restMs);
    const sentAt = now();
    await client.workflow.signalWithStart<typeof emptyWorkflow>('emptyWorkflow', {
      taskQueue,
      workflowId,
      signal: 'nothing',
    });
    return (await firstTaskDoneAt(client, workflowId)) - sentAt;
  }

  const ms = await inTurn(rounds, bench.signal, ours, bare);
  return [
    {
      figure: 'start',
      value: ms.ours / ms.bare,
      unit: 'ratio',
      limit: 1.5,
      at: 'most',
      raw: { oursMs: ms.ours, bareMs: ms.bare },
    },
  ];
}

/** Of the repository in the recorded delivery. The forge here does not know it, so the workflow ends after one question. */
function workflowIdOf(number: number): string {
  const repository = { forgeHost: 'gitea.example', id: 1, owner: 'acme', name: 'widgets' };
  return issueWorkflowId({ repository, number });
}

/** Waits until the workflow is closed: by long polls, since questions in between would disturb what is measured. */
async function firstTaskDoneAt(client: Client, workflowId: string): Promise<number> {
  const workflow = client.workflow.getHandle(workflowId);
  await until(`${workflowId} to begin`, () =>
    workflow.describe().then(
      () => true,
      () => false,
    ),
  );
  await workflow.result();
  const done = (await eventsOf(workflow)).find(
    (event) => event.workflowTaskCompletedEventAttributes,
  );
  if (done === undefined) {
    throw new Error(`${workflowId} has closed without a workflow task`);
  }
  return toMilliseconds(done.eventTime);
}
