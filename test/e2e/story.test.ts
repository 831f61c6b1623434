import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GiteaRepository } from '../../src/demo/gitea-site.ts';
import { issueWorkflowId } from '../../src/domain/ids.ts';
import { startWorld, supervisors, type World } from '../support/world.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

test('an issue becomes a pull request, a comment a further commit, a merge an empty list of bottles', async () => {
  const { repository, alice } = await world.repository();
  const phases: string[] = [];
  const number = await alice.openIssue({
    title: 'A greeting',
    body: 'Please create hello.txt with "Hello, world".',
    labels: ['bot-bottle:demo'],
    assignees: ['bot'],
  });
  const shown = () =>
    world.api.issue({ owner: repository.owner, repository: repository.name, number });
  const reaches = (phase: string, runNumber: number) =>
    until(`${phase} in run ${runNumber}`, async () => {
      const { issues } = await world.api.issues();
      const view = issues.find((issue) => issue.number === number);
      if (view !== undefined && view.phase !== phases.at(-1)) {
        phases.push(view.phase);
      }
      return view?.phase === phase && view.run === runNumber ? await shown() : undefined;
    });

  const first = await reaches('frozen', 1);
  expect(first.pullRequest).toMatchObject({ merged: false });
  expect(first.runs).toMatchObject([{ outcome: 'done', exitCode: 0, done: { status: 'success' } }]);
  const pullRequest = first.pullRequest?.number ?? 0;

  await alice.comment(pullRequest, 'append "and good night" to hello.txt');
  const second = await reaches('frozen', 2);
  expect(second.runs[1]).toMatchObject({ outcome: 'done', cause: 'comment by alice' });

  await alice.merge(pullRequest);
  const end = await reaches('destroyed', 2);
  expect(end).toMatchObject({ status: 'destroyed', pullRequest: { merged: true } });
  expect(await contentOf(repository, 'hello.txt')).toBe('Hello, world\nand good night\n');

  expect(phases.filter((phase) => ['running', 'frozen', 'destroyed'].includes(phase))).toEqual([
    'running',
    'frozen',
    'running',
    'frozen',
    'destroyed',
  ]);
  expect(await readdir(join(world.dataDirectory, 'state', 'bottles'))).toEqual([]);
  expect(await supervisors(world.dataDirectory)).toEqual([]);

  const { operations } = await world.api.operations({
    owner: repository.owner,
    repository: repository.name,
    number,
  });
  expect(operations.map((operation) => operation.outcome)).not.toContain('error');
  for (const runNumber of [1, 2]) {
    const ofRun = operations.filter((operation) => operation.run === runNumber);
    expect(ofRun.map((operation) => operation.sequence)).toEqual(ofRun.map((_, i) => i + 1));
    expect(ofRun.map((operation) => operation.operation)).toContain('git_push');
    expect(ofRun.at(-1)?.operation).toBe('signal_done');
  }

  const handle = world.temporal.client.workflow.getHandle(
    issueWorkflowId({
      repository: { ...repository, forgeHost: world.gitea.host },
      number,
    }),
  );
  await handle.result();
  expect((await handle.fetchHistory()).events?.length).toBeLessThanOrEqual(160);
  expect(await readFile(world.orchestrator.logFile, 'utf8')).not.toContain(world.gitea.bot.token);
});

/** What a fresh clone of main holds. */
async function contentOf(repository: GiteaRepository, path: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'clone-'));
  try {
    await run('git', ['clone', '-q', repository.cloneUrl, directory]);
    return await readFile(join(directory, path), 'utf8');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
