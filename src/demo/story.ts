import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readToolEnvironment } from '../../tools/environment.ts';
import { runProgram } from '../../tools/program.ts';
import type { IssueView } from '../api/views/issue.ts';
import type { OperationView } from '../api/views/operation.ts';
import type { RunView } from '../api/views/run.ts';
import type { ApiClient } from '../cli/api-client.ts';
import type { Phase } from '../domain/run.ts';
import { GiteaPerson } from './gitea-person.ts';
import { oneLine, type Narrator } from './narrator.ts';
import type { Stage } from './stage.ts';
import { waitUntil } from './wait-until.ts';

/** For what takes a moment. */
const SOON_MS = 60_000;
/** For a run of the agent, which may be asked to wait. */
const RUN_MS = 300_000;
const LINES_SHOWN = 15;

export const DEFAULT_TASK =
  'Create hello.txt with "Hello, world" and append "Bottled." to README.md';
export const DEFAULT_COMMENT =
  'Please replace "world" with "everybody" in hello.txt, and append "How are you?" to hello.txt.';

/** The story did not go as it should; the message says where and why. */
export class StoryError extends Error {
  override readonly name = 'StoryError';
}

export interface StoryOptions {
  readonly stage: Stage;
  readonly api: ApiClient;
  readonly narrator: Narrator;
  /** What the person writes, in the demo agent's language or not. */
  readonly task: string;
  readonly comment: string;
  readonly signal: AbortSignal;
}

/**
 * Plays and tells the story: issue, run, pull request, frozen, comment, run, frozen, merge, destroyed. The person acts on
 * Gitea, and what comes of it is seen through the orchestrator's API.
 * @throws StoryError at the first step that does not end as it should
 */
export async function playStory(options: StoryOptions): Promise<void> {
  await new Story(options).play();
}

class Story {
  readonly #options: StoryOptions;
  readonly #person: GiteaPerson;
  readonly #repository: Stage['site']['repository'];
  #issueNumber = 0;
  #phase: Phase | undefined;
  #operationsTold = 0;

  constructor(options: StoryOptions) {
    this.#options = options;
    const { person, repository } = options.stage.site;
    this.#repository = repository;
    this.#person = new GiteaPerson(person, repository);
  }

  async play(): Promise<void> {
    const { narrator } = this.#options;
    const who = this.#person.name;

    narrator.heading(`1. ${who} opens an issue`);
    await this.#openIssue();

    narrator.heading('2. An agent works on it in a bottle: a sandbox without token and network');
    const first = await this.#runToItsEnd(1);
    if (first.pullRequest === null) {
      throw new StoryError('run 1 made no pull request: the task asked for no change of files');
    }
    const { number: pullRequest, url } = first.pullRequest;
    narrator.detail(`Pull request #${String(pullRequest)} is waiting for a person:`);
    narrator.detail(narrator.colours.cyan(url));

    narrator.heading(`3. ${who} comments on the pull request, and the bottle is resumed`);
    await this.#comment(pullRequest);
    await this.#runToItsEnd(2);
    await this.#expectPush(2);

    narrator.heading(`4. ${who} merges, and the bottle is destroyed`);
    const head = await this.#person.headOf(pullRequest);
    await this.#merge(pullRequest);
    await this.#expectNoBottles();

    narrator.heading('5. What a fresh clone of main holds');
    await this.#lookAtMain(head);
  }

  async #openIssue(): Promise<void> {
    const { stage, narrator, task } = this.#options;
    const { labelId, bot } = stage.site;
    const draft = { ...asIssue(task), labels: [labelId], assignees: [bot.name] };
    const { number, url } = await this.#person.openIssue(draft);
    this.#issueNumber = number;
    narrator.step(
      `Issue #${String(number)}, labelled bot-bottle:${stage.cast.agent} and assigned to ${bot.name}`,
      url,
    );
    narrator.quote(task, LINES_SHOWN);
    const issue = await this.#until(
      `the webhook of issue #${String(number)} to be taken up`,
      SOON_MS,
      (seen) => seen !== undefined,
    );
    const { owner, name } = this.#repository;
    const workflow = `issue/${new URL(stage.gitea.url).host}/${owner}/${name}/${String(number)}`;
    narrator.detail(`branch ${issue.branch}. All of it is one Temporal workflow:`);
    narrator.detail(
      narrator.colours.cyan(
        `${stage.temporal.uiUrl}/namespaces/default/workflows/${encodeURIComponent(workflow)}`,
      ),
    );
  }

  async #comment(pullRequest: number): Promise<void> {
    const { narrator, comment } = this.#options;
    await this.#person.comment(pullRequest, comment);
    narrator.step(`Comment on #${String(pullRequest)}`);
    narrator.quote(comment, LINES_SHOWN);
  }

  /** Until the run's bottle is frozen. @throws StoryError unless the agent reports success */
  async #runToItsEnd(run: number): Promise<IssueView> {
    const issue = await this.#until(
      `run ${String(run)} to end and its bottle to be frozen`,
      RUN_MS,
      (seen) => seen?.phase === 'failed' || (seen?.phase === 'frozen' && seen.run >= run),
    );
    const { runs } = await this.#options.api.runs(this.#name());
    const record = runs.find((candidate) => candidate.run === run);
    if (issue.phase === 'failed' || record === undefined) {
      throw new StoryError(issue.attention ?? `run ${String(run)} could not be started`);
    }
    if (record.done?.status !== 'success') {
      throw new StoryError(`run ${String(run)}: ${describeEnd(record)}`);
    }
    const { narrator } = this.#options;
    narrator.detail(`The agent says: ${oneLine(record.done.summary)}`);
    if (record.usage !== null) narrator.detail(tellUsage(record.usage));
    return issue;
  }

  async #expectPush(run: number): Promise<void> {
    const { operations } = await this.#options.api.operations(this.#name());
    const isPush = (one: OperationView): boolean =>
      one.run === run && one.operation === 'git_push' && one.outcome === 'ok';
    if (!operations.some(isPush)) {
      throw new StoryError(
        `run ${String(run)} pushed no further commit: the comment asked for no change of files`,
      );
    }
  }

  async #merge(pullRequest: number): Promise<void> {
    const { narrator, signal } = this.#options;
    const waiting = { timeoutMs: SOON_MS, signal };
    const what = `pull request #${String(pullRequest)} to be mergeable`;
    await narrator.during(
      `waiting for ${what}`,
      waitUntil(what, waiting, async () =>
        (await this.#person.tryToMerge(pullRequest)) ? true : undefined,
      ),
    );
    narrator.step(`Pull request #${String(pullRequest)} is merged`);
    const issue = await this.#until(
      'the bottle to be destroyed',
      SOON_MS,
      (seen) => seen?.phase === 'destroyed',
    );
    if (issue.pullRequest?.merged !== true) {
      throw new StoryError('the orchestrator does not know that the pull request is merged');
    }
    if (!(await this.#person.isClosed(this.#issueNumber))) {
      throw new StoryError('the merge has not closed the issue');
    }
  }

  async #expectNoBottles(): Promise<void> {
    const { api, stage, narrator } = this.#options;
    const { issues } = await api.issues();
    const open = issues.filter(({ phase }) => phase !== 'destroyed').map(({ slug }) => slug);
    const onDisk = await readdir(join(stage.directory.data, 'state', 'bottles'));
    const left = new Set([...open, ...onDisk]);
    if (left.size > 0) {
      throw new StoryError(`bottles are left: ${[...left].join(', ')}`);
    }
    narrator.step('Bottles: none');
  }

  /** @param head the commit that was merged */
  async #lookAtMain(head: string): Promise<void> {
    const { stage, narrator } = this.#options;
    const clone = join(stage.directory.path, 'clone');
    const git = (...args: string[]): Promise<string> =>
      runProgram('git', args, {
        cwd: stage.directory.path,
        env: { PATH: readToolEnvironment().path, HOME: stage.directory.path },
      });
    await git('clone', '--quiet', this.#repository.cloneUrl, clone);
    const inClone = (...args: string[]): Promise<string> => git('-C', clone, ...args);
    await inClone('merge-base', '--is-ancestor', head, 'HEAD').catch(() => {
      throw new StoryError(`main does not hold the pull request's last commit ${head}`);
    });
    narrator.step(`git clone ${this.#repository.cloneUrl}`);
    const log = await inClone('log', '--format=%h %an: %s', 'HEAD^1..HEAD');
    for (const line of log.trimEnd().split('\n')) {
      narrator.detail(oneLine(line));
    }
    const changed = await inClone('diff', '--name-only', '-z', 'HEAD^1', 'HEAD');
    for (const file of changed.split('\0').filter((name) => name !== '')) {
      const text = await readFile(join(clone, file), 'utf8').catch(() => undefined);
      narrator.detail('');
      narrator.detail(narrator.colours.bold(oneLine(file)));
      if (text === undefined) {
        narrator.detail('(deleted)');
      } else {
        narrator.quote(text, LINES_SHOWN);
      }
    }
    await rm(clone, { recursive: true });
  }

  /** Watches the issue, telling every change of phase and every operation, until it is as it should be. */
  async #until(
    what: string,
    timeoutMs: number,
    isReached: (issue: IssueView | undefined) => boolean,
  ): Promise<IssueView> {
    const { narrator, signal } = this.#options;
    const watching = waitUntil(what, { timeoutMs, signal }, async () => {
      const issue = await this.#look();
      return isReached(issue) ? issue : undefined;
    });
    return await narrator.during(`waiting for ${what}`, watching);
  }

  async #look(): Promise<IssueView | undefined> {
    const { api, narrator } = this.#options;
    const { issues } = await api.issues();
    const issue = issues.find(({ number }) => number === this.#issueNumber);
    if (issue === undefined) {
      return undefined;
    }
    // Every life begins so, however short it was.
    if (this.#phase === undefined && issue.phase !== 'queued') {
      narrator.step(tellPhase('queued', issue, narrator));
    }
    if (issue.phase !== this.#phase && issue.phase === 'running') {
      this.#phase = issue.phase;
      narrator.step(tellPhase(issue.phase, issue, narrator));
    }
    const { operations } = await api.operations(this.#name());
    for (const operation of operations.slice(this.#operationsTold)) {
      narrator.step(tellOperation(operation, narrator));
    }
    this.#operationsTold = Math.max(this.#operationsTold, operations.length);
    if (issue.phase !== this.#phase) {
      this.#phase = issue.phase;
      narrator.step(tellPhase(issue.phase, issue, narrator));
    }
    return issue;
  }

  #name() {
    const { owner, name } = this.#repository;
    return { owner, repository: name, number: this.#issueNumber };
  }
}

/** The text as it is, its first line as the title if that is fit for one: the agent reads both. */
function asIssue(task: string): { title: string; body: string } {
  const [first = '', ...rest] = task.trim().split('\n');
  return first.length <= 200
    ? { title: first, body: rest.join('\n') }
    : { title: 'Please do the following', body: task };
}

function tellPhase(phase: Phase, issue: IssueView, { colours }: Narrator): string {
  switch (phase) {
    case 'queued':
      return `${colours.yellow('queued')} for a place on this host`;
    case 'running':
      return `${colours.green('running')}: run ${String(issue.run)} in bottle ${issue.slug}`;
    case 'freezing':
      return `${colours.yellow('freezing')}: all processes end, the whole state stays`;
    case 'frozen':
      return `${colours.blue('frozen')}: nothing runs, everything is kept`;
    case 'resuming':
      return `${colours.yellow('resuming')} the same bottle for what is new`;
    case 'destroying':
      return `${colours.yellow('destroying')}: processes, files and sockets go`;
    case 'destroyed':
      return `${colours.green('destroyed')}: nothing is left of the bottle`;
    case 'parked':
    case 'failed':
      return colours.red(phase);
  }
}

function tellOperation(operation: OperationView, { colours }: Narrator): string {
  const what = `agent: ${operation.operation} ${oneLine(operation.target)}`.trimEnd();
  return operation.outcome === 'ok'
    ? colours.dim(what)
    : colours.red(`${what}: ${operation.outcome}, ${oneLine(operation.reason ?? '')}`);
}

function tellUsage(usage: NonNullable<RunView['usage']>): string {
  const tokens = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
  const cost = usage.costUsd === null ? 'unknown' : `$${usage.costUsd.toFixed(2)}`;
  return `Its model: ${usage.requests} requests, ${tokens} tokens in, ${usage.outputTokens} out; cost ${cost}`;
}

function describeEnd({ outcome, exitCode, done, reason }: RunView): string {
  if (done !== null) {
    return `the agent reports ${done.status}: ${oneLine(done.summary)} (It understands what \`demo --help\` lists.)`;
  }
  const code = exitCode === null ? '' : ` with code ${String(exitCode)}`;
  return `it ended as ${outcome ?? 'unknown'}${code}${reason === null ? '' : `: ${oneLine(reason)}`}`;
}
