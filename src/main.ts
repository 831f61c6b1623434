#!/usr/bin/env node
import closeWithGrace from 'close-with-grace';
import { buildProgram } from './cli/program.ts';
import { runProgram } from './cli/run-program.ts';
import { findBuilt, startOrchestrator } from './compose.ts';
import { environment, loadConfig, type LoadOptions } from './config/load.ts';
import { createLogger } from './config/logger.ts';

const built = await findBuilt();

async function run(options: LoadOptions): Promise<void> {
  const config = loadConfig(environment(), options);
  const logger = createLogger({ level: config.logLevel, org: config.forge.org });
  const orchestrator = await startOrchestrator(config, built, logger);
  logger.info({ url: orchestrator.url }, 'accepting deliveries');
  closeWithGrace({ delay: 30_000, logger }, async ({ err, signal }) => {
    logger.info({ err, signal }, 'stopping; bottles keep running');
    await orchestrator.stop();
  });
}

const program = buildProgram({
  version: built.version,
  run,
});
process.exitCode = await runProgram(program, process.argv);
