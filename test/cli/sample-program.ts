/** The program without the parts that `main` adds and no test needs: what the tests of the command line start. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { agentsCommand } from '../../src/cli/agents.ts';
import { doctorCommand } from '../../src/cli/doctor.ts';
import type { ManifestsHandler } from '../../src/cli/local-manifests.ts';
import { notifyCommand } from '../../src/cli/notify.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import { loadNotifierConfig } from '../../src/config/load.ts';
import { createNotifiers } from '../../src/notifications/registry.ts';
import { tryNotifiers } from '../../src/notifications/try-notifiers.ts';
import { openManifests } from '../../src/open-manifests.ts';

const manifests: ManifestsHandler = (options) => openManifests(process.env, options);

const program = buildProgram({
  version: '1.2.3',
  run: async (options) => {
    const port = process.env['SAMPLE_LISTEN'];
    if (port !== undefined) {
      await once(createServer().listen(Number(port), '127.0.0.1'), 'listening');
    }
    process.stdout.write(`${JSON.stringify(options)}\n`);
  },
  further: [
    agentsCommand(manifests),
    doctorCommand(manifests),
    notifyCommand((options) =>
      tryNotifiers(createNotifiers(loadNotifierConfig(process.env, options))),
    ),
  ],
});
process.exitCode = await runProgram(program, process.argv);
