import { join } from 'node:path';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

/** `node empty-worker.ts <address> <task queue>`: a worker that has nothing but the empty workflow. See `startChild`. */
const [, , address = '', taskQueue = ''] = process.argv;
process.once('disconnect', () => process.exit());
Runtime.install({ logger: new DefaultLogger('ERROR') });
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue,
  workflowsPath: join(import.meta.dirname, 'empty-workflow.ts'),
});
process.send?.('ready');
await worker.run();
