import { mkdir } from 'node:fs/promises';
import type { BackendCheck, BottleBackend } from '../backend.ts';
import type { BottlePaths } from '../directory.ts';
import { findBottle, settleBottle } from './cli-bottle.ts';
import { callDestroy, checkDestroy, findProgram } from './cli-command.ts';
import { killCliProcesses } from './cli-processes.ts';
import { spawnCli } from './cli-sandbox.ts';
import { type CliSettings, readCliState, writeCliState } from './cli-state.ts';
import { commitBottle } from './commit.ts';
import { stopBottle } from './engine.ts';
import { recordLateEvents } from './late-events.ts';

const commitMs = 5 * 60_000;

/**
 * Bottles that the bot-bottle CLI makes and keeps, with engines, working copies and a forge sidecar of its own.
 * @param settings undefined in a supervisor, which finds them in the bottle's directory
 */
export function createBotBottleCliBackend(settings?: CliSettings): BottleBackend {
  return {
    name: 'bot-bottle',
    check: () => checkCli(settings),
    async checkImage() {},
    async prepare({ paths }) {
      if (settings === undefined) throw new Error('it is not known where the bot-bottle CLI is');
      // It is where the CLI is started, and stays empty.
      await mkdir(paths.work, { recursive: true, mode: 0o700 });
      await writeCliState(paths, { frozen: true, ...readCliState(paths), settings });
    },
    spawn: spawnCli,
    async freeze(paths) {
      await killCliProcesses(paths);
      await commitBottle(paths, commitMs);
      const state = readCliState(paths);
      if (state?.bottle !== undefined) await stopBottle(state.settings, state.bottle);
      await recordLateEvents(paths);
    },
    destroy: destroyCliBottle,
  };
}

async function destroyCliBottle(paths: BottlePaths): Promise<void> {
  await killCliProcesses(paths);
  const state = readCliState(paths);
  // What was never prepared was never started.
  if (state === undefined) return;
  const bottle = await settleBottle(paths, state);
  if (bottle === undefined) return;
  await callDestroy(state.settings, bottle.slug);
  if ((await findBottle(state.settings.home, paths.slug)) !== undefined) {
    throw new Error(`the bot-bottle CLI still has ${bottle.slug} after its destroy`);
  }
}

async function checkCli(settings: CliSettings | undefined): Promise<BackendCheck> {
  const { program, path } = settings ?? { program: 'cli.py', path: '' };
  if (settings === undefined || findProgram(program, path) === undefined) {
    return {
      usable: false,
      reason: `the bot-bottle CLI is not there: ${program} is no program`,
      fix: 'Set BOT_BOTTLE_CLI to the path of its cli.py, which must be executable.',
    };
  }
  if (findProgram('setpriv', path) === undefined) {
    return {
      usable: false,
      reason: 'setpriv is missing, without which the CLI would outlive its supervisor',
      fix: 'Install the package util-linux. On macOS there is none, and this backend does not work.',
    };
  }
  try {
    await checkDestroy(settings);
    return { usable: true, limits: [] };
  } catch (error) {
    return {
      usable: false,
      reason: `python3 cannot take \`destroy\` from the package bot_bottle (${(error as Error).message})`,
      fix: `Install python3, and the package bot_bottle beside ${program} or in python3's own packages.`,
    };
  }
}
