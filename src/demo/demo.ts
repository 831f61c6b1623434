import { constants } from 'node:os';
import type { ApiAccess, ApiClient } from '../cli/api-client.ts';
import {
  findAbandonedDirectories,
  makeDemoDirectory,
  removeDemoDirectory,
  type DemoDirectory,
} from './demo-directory.ts';
import { issueTemplate } from './gitea-site.ts';
import { Narrator, oneLine, type Output } from './narrator.ts';
import { setStage, type Stage } from './stage.ts';
import { DEFAULT_COMMENT, DEFAULT_TASK, playStory, StoryError } from './story.ts';

/** From nothing, builds of Temporal and Gitea excepted. */
const STORY_TIMEOUT_MS = 15 * 60_000;

/** As documented for the whole command line. */
const exitCodes = { ok: 0, error: 1, checkFailed: 4 } as const;

export interface DemoOptions {
  /** Ends when the story has ended, instead of staying up. */
  readonly once: boolean;
  readonly task: string | undefined;
  readonly comment: string | undefined;
  /** The command line's program, to be run by this Node. */
  readonly program: string;
  readonly output: Output;
  connect(access: ApiAccess): ApiClient;
  /** See `destroyAllBottles`. */
  endBottles(dataDirectory: string): Promise<void>;
}

/** A person has had enough. */
class Interruption extends Error {
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(`ended by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * `orchestrator demo`: everything from nothing, the story, and nothing left of it. Resolves with the exit code.
 * Interrupted, it ends what it has started, in order; interrupted twice, the process ends at once.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const narrator = new Narrator(options.output);
  const ending = listenForEnd(options.output, narrator);
  let code: number;
  try {
    code = await removeAfterwards(options, narrator, (directory, started) =>
      perform(options, narrator, ending, directory, started),
    );
  } catch (error) {
    if (error instanceof Interruption) {
      return error.exitCode;
    }
    narrator.text(`\n${narrator.colours.red('error:')} ${(error as Error).message}`);
    return exitCodes.error;
  }
  return code;
}

/** Aborted by Ctrl-C and its like, with the reason; a second one ends the process. */
function listenForEnd(output: Output, narrator: Narrator): AbortController {
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const interruption = new Interruption(name);
      if (ending.signal.reason instanceof Interruption) {
        // The servers end with this process; the next demo removes the rest.
        process.exit(interruption.exitCode);
      }
      ending.abort(interruption);
      narrator.text('\nStopping everything (Ctrl-C again: at once) …');
    });
  }
  // The reader has gone: `| head`, a closed terminal.
  output.on?.('error', () => ending.abort(new Interruption('SIGHUP')));
  return ending;
}

/** Gives `work` a directory, and a stack for what it starts; both are cleared when it ends, however. */
async function removeAfterwards(
  { endBottles }: DemoOptions,
  narrator: Narrator,
  work: (directory: DemoDirectory, started: AsyncDisposableStack) => Promise<number>,
): Promise<number> {
  for (const abandoned of await findAbandonedDirectories()) {
    narrator.text(`Removing what a demo left that was killed: ${abandoned.path}`);
    await endBottles(abandoned.data);
    await removeDemoDirectory(abandoned, { keepLogs: false });
  }
  const directory = await makeDemoDirectory();
  const started = new AsyncDisposableStack();
  let isFailure = true;
  try {
    const code = await work(directory, started);
    isFailure = code !== exitCodes.ok;
    return code;
  } catch (error) {
    isFailure = !(error instanceof Interruption);
    throw error;
  } finally {
    if (isFailure) {
      narrator.text(`The logs are in ${directory.logs}`);
    }
    await narrator.during('stopping', started.disposeAsync());
    await removeDemoDirectory(directory, { keepLogs: isFailure });
  }
}

async function perform(
  options: DemoOptions,
  narrator: Narrator,
  ending: AbortController,
  directory: DemoDirectory,
  started: AsyncDisposableStack,
): Promise<number> {
  const { colours } = narrator;
  narrator.text(
    `${colours.bold('An issue becomes a pull request, made by an agent in a sandbox.')}\n` +
      'All on this machine, thrown away afterwards: Temporal, a Gitea, an orchestrator.\n',
  );
  const stage = await setStage({
    directory,
    program: options.program,
    narrator,
    started,
    endBottles: () => options.endBottles(directory.data),
    onUnexpectedEnd: (error) => ending.abort(error),
    signal: ending.signal,
  });
  const { url, token, tokenFile } = stage.orchestrator;
  const timeout = setTimeout(() => {
    ending.abort(new StoryError(`it took longer than ${String(STORY_TIMEOUT_MS / 60_000)} min`));
  }, STORY_TIMEOUT_MS);
  let code: number = exitCodes.ok;
  try {
    await playStory({
      stage,
      api: options.connect({ url, token, tokenSource: tokenFile }),
      narrator,
      task: options.task ?? DEFAULT_TASK,
      comment: options.comment ?? DEFAULT_COMMENT,
      signal: ending.signal,
    });
    narrator.text(
      `\n${colours.green('The story ended as it should')}, after ${narrator.elapsed()}.`,
    );
  } catch (error) {
    if (error instanceof Interruption) {
      throw error;
    }
    code = exitCodes.checkFailed;
    const reason = oneLine((error as Error).message);
    narrator.text(`\n${colours.red('The story did not end as it should:')} ${reason}`);
  } finally {
    clearTimeout(timeout);
  }
  if (!options.once && !ending.signal.aborted) {
    narrator.text(whatToTry(stage, colours.bold));
    await narrator.during('Ctrl-C ends everything', untilAborted(ending.signal));
  }
  return code;
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function whatToTry(stage: Stage, bold: (text: string) => string): string {
  const { site, gitea, temporal, command } = stage;
  const { person, bot, repository, labelId } = site;
  const name = `${repository.owner}/${repository.name}`;
  const pages = `${gitea.url}/${name}`;
  const api = `${gitea.url}/api/v1/repos/${name}`;
  const curl = `curl -u ${person.name}:${person.password} -H 'content-type: application/json'`;
  const issue = JSON.stringify({
    title: 'Append "one more line" to hello.txt',
    labels: [labelId],
    assignees: [bot.name],
  });
  const without = stage.giteaHasScripts
    ? 'Without a browser'
    : 'This Gitea was built from source: its pages have no style, and no scripts to merge with.\nInstead';
  return `
${bold('Everything stays up until Ctrl-C. Try:')}

  Sign in       ${gitea.url}/user/login
                ${person.name}, password ${person.password}
  Open an issue ${pages}/issues/new?template=${encodeURIComponent(issueTemplate)}
                label and assignee are chosen; write a task
  The workflows ${temporal.uiUrl}
  Who works     ${command} status --watch
  A run's output
                ${command} logs -f '${name}#1'
  All of one    ${command} show '${name}#1'

${without}, open an issue, and merge pull request N:

  ${curl} \\
    ${api}/issues \\
    -d '${issue}'
  ${curl} \\
    ${api}/pulls/N/merge -d '{"Do": "merge"}'
`;
}
