/** Provides a tool slowly: `node provide-in-other-process.ts <cache> hang|finish`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { provide } from '../../tools/provide.ts';

const [cache = '', how] = process.argv.slice(2);

await provide(
  {
    name: 'thing',
    version: '1.0',
    title: 'Thing',
    reason: 'thing is not on the PATH',
    ways: [
      {
        doing: 'downloading Thing 1.0',
        async fill(folder) {
          await writeFile(join(folder, 'half'), '');
          await sleep(how === 'hang' ? 60_000 : 500);
          await writeFile(join(folder, 'thing'), 'by the other process');
        },
      },
    ],
    remedy: 'Install Thing.',
  },
  cache,
  () => undefined,
);
