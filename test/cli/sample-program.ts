/** The program without the parts that `main` adds and no test needs: what the tests of the command line start. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { agentsCommand } from '../../src/cli/agents.ts';
import { doctorCommand } from '../../src/cli/doctor.ts';
import { initCommand } from '../../src/cli/init.ts';
import type { ManifestsHandler } from '../../src/cli/local-manifests.ts';
import { notifyCommand } from '../../src/cli/notify.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import { openDoctor } from '../../src/open-doctor.ts';
import { webhookCommand } from '../../src/cli/webhook.ts';
import { openNotifyTest } from '../../src/open-notifiers.ts';
import { openManifests } from '../../src/open-manifests.ts';
import { openInit, openWebhook } from '../../src/open-setup.ts';

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
    doctorCommand((...request) => openDoctor(process.env, ...request)),
    initCommand(openInit(process.env)),
    webhookCommand(openWebhook(process.env)),
    notifyCommand(openNotifyTest(process.env)),
  ],
});
process.exitCode = await runProgram(program, process.argv);
