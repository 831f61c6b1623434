import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { IssueDetailView } from '../../src/api/views/issue.ts';
import type { OperationView } from '../../src/api/views/operation.ts';
import { CliError } from '../../src/cli/cli-error.ts';
import { callGitea } from '../../src/demo/gitea-client.ts';
import { issueWorkflowId } from '../../src/domain/ids.ts';
import type { IssueRef } from '../../src/domain/issue.ts';
import { findMarker } from '../../src/domain/marker.ts';
import type { JournalEntry } from '../../src/journal/format.ts';
import type { issueWorkflow } from '../../src/workflows/issue-workflow.ts';
import type { GiteaPerson } from './gitea-person.ts';
import { until } from './until.ts';
import type { Place, World } from './world.ts';

const forgeComment = z.object({
  id: z.number(),
  body: z.string(),
  user: z.object({ login: z.string() }),
});
const forgePullRequest = z.object({
  number: z.number(),
  state: z.string(),
  merged: z.boolean(),
  head: z.object({ label: z.string() }),
});

/** A comment as people see it. `by` is what its marker says: which bottle and run posted it, and what for. */
export interface SeenComment {
  readonly id: number;
  readonly author: string;
  readonly body: string;
  readonly marker: string | undefined;
}

/** An issue of a world, as a person sees it: on the forge, over the API, in Temporal, and on the disk. */
export class WorldIssue {
  readonly world: World;
  readonly number: number;
  readonly alice: GiteaPerson;
  readonly ref: IssueRef;

  constructor(world: World, { repository, alice }: Place, number: number) {
    this.world = world;
    this.number = number;
    this.alice = alice;
    this.ref = { repository: { ...repository, forgeHost: world.gitea.host }, number };
  }

  get #name() {
    const { owner, name } = this.ref.repository;
    return { owner, repository: name, number: this.number };
  }

  get workflow() {
    return this.world.temporal.client.workflow.getHandle<typeof issueWorkflow>(
      issueWorkflowId(this.ref),
    );
  }

  /** Undefined while it is unknown, or the orchestrator is away. */
  async view(): Promise<IssueDetailView | undefined> {
    return await this.world.api.issue(this.#name).catch(unlessCliError);
  }

  /** Waits for a phase, of the given run if one is given. */
  async reaches(phase: string, run?: number, timeoutMs = 60_000): Promise<IssueDetailView> {
    let last: IssueDetailView | undefined;
    try {
      return await until(
        `#${this.number} to be ${phase}`,
        async () => {
          last = (await this.view()) ?? last;
          return last?.phase === phase && (run === undefined || last.run === run)
            ? last
            : undefined;
        },
        timeoutMs,
      );
    } catch (error) {
      const seen = JSON.stringify({ ...last, runs: undefined }, undefined, 1);
      throw new Error(`${(error as Error).message}; it is ${seen}`, { cause: error });
    }
  }

  /** Waits until a run has succeeded with a pull request, and gives that one's number. */
  async worked(run: number, timeoutMs?: number): Promise<number> {
    const { runs, pullRequest } = await this.reaches('frozen', run, timeoutMs);
    const last = runs.at(-1);
    if (last?.done?.status !== 'success' || pullRequest === null) {
      const output = await this.output(run);
      throw new Error(`#${this.number} did not work: ${JSON.stringify(last)}\n${output}`);
    }
    return pullRequest.number;
  }

  async operations(): Promise<OperationView[]> {
    return (await this.world.api.operations(this.#name)).operations;
  }

  async command(name: string, body: object = {}): Promise<string> {
    return (await this.world.api.command(this.#name, name, body)).phase;
  }

  /** All comments below the issue, or below `number`. */
  async comments(number = this.number): Promise<SeenComment[]> {
    const found = await this.#ask(`/issues/${number}/comments`);
    return z
      .array(forgeComment)
      .parse(found)
      .map(({ id, body, user }) => ({
        id,
        author: user.login,
        body,
        marker: findMarker(body)?.digest,
      }));
  }

  async labels(): Promise<string[]> {
    const found = await this.#ask(`/issues/${this.number}/labels`);
    return z
      .array(z.object({ name: z.string() }))
      .parse(found)
      .map(({ name }) => name);
  }

  /** The comments that the orchestrator itself posted, below the issue and its pull requests. */
  async reports(): Promise<SeenComment[]> {
    const numbers = [this.number, ...(await this.pullRequests()).map(({ number }) => number)];
    const all = await Promise.all(numbers.map((number) => this.comments(number)));
    return all
      .flat()
      .filter(
        ({ marker }) => marker !== undefined && /^(run-end|launch-failed|problem)/.test(marker),
      );
  }

  /** Waits for the first of them. */
  async report(): Promise<SeenComment> {
    return await until(`a report on #${this.number}`, async () => (await this.reports())[0]);
  }

  /** Those whose head is a branch of this issue's bottles. */
  async pullRequests() {
    const found = await this.#ask('/pulls?state=all');
    const branch = new RegExp(`bot-bottle/issue-${this.number}(-\\d+)?$`);
    return z
      .array(forgePullRequest)
      .parse(found)
      .filter(({ head }) => branch.test(head.label));
  }

  /** What a run printed, from the bottle or from its archive. */
  async output(run: number, slug?: string): Promise<string> {
    return await this.#readRunFile(run, 'output.log', slug);
  }

  async prompt(run: number, slug?: string): Promise<string> {
    return await this.#readRunFile(run, 'prompt.md', slug);
  }

  async journal(run: number, slug?: string): Promise<JournalEntry[]> {
    const text = await this.#readRunFile(run, 'journal.ndjson', slug);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as JournalEntry);
  }

  /** Waits until a run has printed something that matches. */
  async printed(run: number, pattern: RegExp, timeoutMs = 60_000): Promise<string> {
    return await until(
      `run ${run} of #${this.number} to print ${String(pattern)}`,
      async () => {
        const output = await this.output(run).catch(() => '');
        return pattern.test(output) ? output : undefined;
      },
      timeoutMs,
    );
  }

  async #readRunFile(run: number, file: string, slug?: string): Promise<string> {
    const { dataDirectory } = this.world;
    const bottle = slug ?? (await until('the slug', () => this.view())).slug;
    const live = join(dataDirectory, 'state', 'bottles', bottle, 'runs', String(run));
    const archived = join(dataDirectory, 'archive', bottle, String(run));
    const directory = (await readdir(live).catch(() => undefined)) === undefined ? archived : live;
    return await readFile(join(directory, file), 'utf8');
  }

  async #ask(path: string): Promise<unknown> {
    const { owner, name } = this.ref.repository;
    return await callGitea(this.world.gitea.alice, 'GET', `/repos/${owner}/${name}${path}`);
  }
}

/** Alice opens an issue that asks for `agent`. */
export async function openIssue(
  world: World,
  place: Place,
  agent: string,
  draft: { title?: string; body?: string; labels?: readonly string[] } = {},
): Promise<WorldIssue> {
  const number = await place.alice.openIssue({
    title: `Work for ${agent}`,
    body: 'Please.',
    labels: [`bot-bottle:${agent}`],
    assignees: ['bot'],
    ...draft,
  });
  return new WorldIssue(world, place, number);
}

function unlessCliError(error: unknown): undefined {
  if (!(error instanceof CliError)) {
    throw error;
  }
  return undefined;
}
