import type { BottlePaths } from '../directory.ts';
import { settleBottle } from './cli-bottle.ts';
import { lastLine, requireProgram, runBesideCli } from './cli-command.ts';
import { type CliSettings, readCliState, writeCliState } from './cli-state.ts';
import { committedImage, hasContainer } from './engine.ts';

/**
 * Has the CLI keep the bottle's state, if anything ran since it last did. Nothing to do where the CLI never made a bottle, or has
 * taken it down by itself: a resume then begins with what was kept before.
 * @throws Error when the state is not seen to be kept: the CLI ends with 0 also when it was cancelled
 */
export async function commitBottle(paths: BottlePaths, timeoutMs: number): Promise<void> {
  const state = readCliState(paths);
  if (state === undefined || state.frozen) return;
  const bottle = await settleBottle(paths, state);
  if (bottle === undefined) return;
  if (bottle.engine === 'docker') await commitContainer(state.settings, bottle.slug, timeoutMs);
  else await runCommit(state.settings, bottle.slug, timeoutMs);
  await writeCliState(paths, { ...state, bottle, frozen: true });
}

/** Of docker it can be asked whether there is anything to keep, and whether it was kept. */
async function commitContainer(
  settings: CliSettings,
  slug: string,
  timeoutMs: number,
): Promise<void> {
  if (!(await hasContainer(settings, slug))) return;
  const before = await committedImage(settings, slug);
  const told = await runCommit(settings, slug, timeoutMs);
  const after = await committedImage(settings, slug);
  if (after === '') throw notKept(slug, 'there is no image of it', told);
  if (after === before) throw notKept(slug, 'its image is still the one of before', told);
}

/** @returns what it said */
async function runCommit(settings: CliSettings, slug: string, timeoutMs: number): Promise<string> {
  const argv = [requireProgram(settings), 'commit', slug] as const;
  const { stdout, stderr } = await runBesideCli(settings, argv, { timeoutMs });
  const told = `${stdout}\n${stderr}`;
  if (/\b(?:cancell?ed|aborted|declined)\b/i.test(told)) {
    throw notKept(slug, 'it was cancelled', told);
  }
  return told;
}

function notKept(slug: string, problem: string, told: string): Error {
  const words = lastLine(told);
  const quoted = words === undefined ? '' : ` (it said: ${words})`;
  return new Error(`\`commit ${slug}\` ended with 0, but ${problem}${quoted}`);
}
