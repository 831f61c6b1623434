import type { ApiAccess, ApiClient } from '../cli/api-client.ts';
import type { CastChoice } from './cast.ts';
import {
  findAbandonedDirectories,
  makeDemoDirectory,
  removeDemoDirectory,
  type DemoDirectory,
} from './demo-directory.ts';
import { Interruption } from './interruption.ts';
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
  readonly cast: CastChoice;
  /** The command line's program, to be run by this Node. */
  readonly program: string;
  readonly output: Output;
  connect(access: ApiAccess): ApiClient;
  /** See `destroyAllBottles`. @param dockerHost where the Engine of Docker bottles is, if not at the usual place */
  endBottles(dataDirectory: string, dockerHost?: string): Promise<void>;
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
    // An Engine of its own has ended with it.
    await endBottles(abandoned.data).catch(({ message }: Error) => narrator.text(message));
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
    choice: options.cast,
    directory,
    program: options.program,
    narrator,
    started,
    endBottles: (dockerHost) => options.endBottles(directory.data, dockerHost),
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
  const issue = JSON.stringify({
    title: 'Append "more" to a.txt',
    labels: [labelId],
    assignees: [bot.name],
  });
  const scripts = stage.giteaHasScripts
    ? ''
    : ' (this Gitea was built from source: its pages lack\n  their styles, and the scripts to merge with)';
  return `
${bold('Everything stays up until Ctrl-C. Try:')}

  Sign in as ${person.name}, with password ${person.password}
    ${gitea.url}/user/login
  Open another issue: label and assignee are chosen, write a task
    ${gitea.url}/${name}/issues/new
  See the workflows
    ${temporal.uiUrl}
  Ask who works, what an agent has printed, all about an issue
    ${command} status --watch
    ${command} logs -f '${name}#1'
    ${command} show '${name}#1'
  Be ${person.name} without a browser${scripts}
    api=${gitea.url}/api/v1/repos/${name}
    ${person.name}() { curl -s -u ${person.name}:${person.password} --json "$2" "$api/$1"; }
    ${person.name} issues '${issue}'
    ${person.name} issues/N/comments '{"body": "append \\"this\\" to hello.txt"}'
    ${person.name} pulls/N/merge '{"Do": "merge"}'
`;
}
