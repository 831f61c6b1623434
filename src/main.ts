import { findBuilt, programVersion } from './built.ts';
import { agentsCommand } from './cli/agents.ts';
import { ApiClient } from './cli/api-client.ts';
import { CliError, exitCodes } from './cli/cli-error.ts';
import { doctorCommand, type DoctorHandler } from './cli/doctor.ts';
import { demoCommand, type DemoRequest } from './cli/demo.ts';
import { devCommand } from './cli/dev.ts';
import { initCommand, type InitHandler } from './cli/init.ts';
import type { LocalManifests } from './cli/local-manifests.ts';
import { notifyCommand, type NotifyTestHandler } from './cli/notify.ts';
import { buildProgram } from './cli/program.ts';
import { runProgram } from './cli/run-program.ts';
import { print } from './cli/terminal.ts';
import { webhookCommand, type WebhookHandler } from './cli/webhook.ts';
import { environment, loadConfig, type Config, type LoadOptions } from './config/load.ts';
import { createLogger } from './config/logger.ts';
import { ConfigError } from './domain/errors.ts';

/** `orchestrator run`. What it is made of is loaded only here: the other commands start in a moment. */
async function run(options: LoadOptions): Promise<void> {
  const config = loadConfig(environment(), options);
  const { startOrchestrator } = await import('./compose.ts');
  const { default: closeWithGrace } = await import('close-with-grace');
  const logger = createLogger({ level: config.logLevel, org: config.forge.org });
  const orchestrator = await startOrchestrator(config, findBuilt(), logger);
  logger.info({ url: orchestrator.url }, 'accepting deliveries');
  closeWithGrace({ delay: 30_000, logger }, async ({ err, signal }) => {
    logger.info({ err, signal }, 'stopping; bottles keep running');
    await orchestrator.stop();
  });
}

async function demo({ once, task, comment, agent, backend }: DemoRequest): Promise<number> {
  const [{ runDemo }, { destroyAllBottles }] = await Promise.all([
    import('./demo/demo.ts'),
    import('./bottles/destroy-all.ts'),
  ]);
  return await runDemo({
    once: once ?? false,
    task,
    comment,
    cast: { agent, backend },
    program: import.meta.filename,
    output: process.stdout,
    connect: (access) => new ApiClient(access),
    endBottles: (dataDirectory, dockerHost) => destroyAllBottles(dataDirectory, { dockerHost }),
  });
}

async function dev(options: LoadOptions): Promise<number> {
  const config = loadDevConfig(options);
  const { runDevelopment } = await import('./demo/development.ts');
  const { connectionOptions, namespace } = config.temporal;
  const { host, port, publicUrl } = config.server;
  const { configFile, insecureWebhooks } = options;
  return await runDevelopment({
    dataDirectory: config.dataDirectory,
    apiTokenFile: config.apiTokenFile,
    temporalAddress: connectionOptions.address,
    temporalNamespace: namespace,
    forgeApi: config.forge.apiUrl,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    publicUrl,
    command: [
      import.meta.filename,
      'run',
      ...(configFile === undefined ? [] : ['--config', configFile]),
      ...(insecureWebhooks ? ['--insecure-webhooks'] : []),
    ],
    print,
  }).catch((error: Error) => {
    throw new CliError(exitCodes.error, error.message);
  });
}

function loadDevConfig(options: LoadOptions): Config {
  try {
    return loadConfig(environment(), options);
  } catch (error) {
    throw error instanceof ConfigError
      ? new ConfigError(
          `${error.message}\nTo see it all at work without a forge of your own: orchestrator demo (from a checkout: ./temporal-dev.sh demo)`,
        )
      : error;
  }
}

async function manifests(options: LoadOptions): Promise<LocalManifests> {
  const { openManifests } = await import('./open-manifests.ts');
  return await openManifests(environment(), options);
}

const notifyTest: NotifyTestHandler = async (options) => {
  const { openNotifyTest } = await import('./open-notifiers.ts');
  return await openNotifyTest(environment())(options);
};

const doctor: DoctorHandler = async (...request) => {
  const { openDoctor } = await import('./open-doctor.ts');
  return await openDoctor(environment(), ...request);
};

const init: InitHandler = async (...request) => {
  const { openInit } = await import('./open-setup.ts');
  return await openInit(environment())(...request);
};

const webhook: WebhookHandler = async (...request) => {
  const { openWebhook } = await import('./open-setup.ts');
  return await openWebhook(environment())(...request);
};

const program = buildProgram({
  version: programVersion(),
  run,
  further: [
    devCommand(dev),
    demoCommand(demo),
    initCommand(init),
    webhookCommand(webhook),
    agentsCommand(manifests),
    doctorCommand(doctor),
    notifyCommand(notifyTest),
  ],
});
process.exitCode = await runProgram(program, process.argv);
