#!/usr/bin/env node
import { findBuilt, programVersion } from './built.ts';
import { buildProgram } from './cli/program.ts';
import { runProgram } from './cli/run-program.ts';
import { environment, loadConfig, type LoadOptions } from './config/load.ts';
import { createLogger } from './config/logger.ts';

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

const program = buildProgram({ version: programVersion(), run });
process.exitCode = await runProgram(program, process.argv);
