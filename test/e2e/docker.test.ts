import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerStage } from '../support/docker.ts';
import { openIssue } from '../support/world-issue.ts';
import { leftovers, startWorld, type World } from '../support/world.ts';

const stage = await dockerStage();
let world: World;

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

describe.skipIf(stage === undefined)('in Docker bottles', () => {
  beforeAll(async () => {
    world = await startWorld({ environment: { DOCKER_HOST: stage?.engine.host ?? '' } });
    await writeFile(
      join(world.dataDirectory, 'bottles', 'default.md'),
      `---\nbackend: docker\nimage: ${stage?.image}\n---\n`,
    );
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test('an issue becomes a pull request, a comment a further commit, a merge an empty list of bottles', async () => {
    const place = await world.repository();
    const issue = await openIssue(world, place, 'demo', {
      body: 'Please create hello.txt with "Hello, world".',
    });
    const first = await issue.reaches('frozen', 1);
    expect(first).toMatchObject({ backend: 'docker', pullRequest: { merged: false } });
    expect(first.runs).toMatchObject([{ outcome: 'done', exitCode: 0 }]);
    const pullRequest = first.pullRequest?.number ?? 0;

    await issue.alice.comment(pullRequest, 'append "and good night" to hello.txt');
    const second = await issue.reaches('frozen', 2);
    expect(second.runs[1]).toMatchObject({ outcome: 'done', exitCode: 0 });
    const docker = new Docker({ socketPath: stage?.engine.host.replace('unix://', '') });
    const filters = { label: [`bot-bottle.slug=${first.slug}`] };
    expect(await docker.listImages({ filters })).toHaveLength(1);

    await issue.alice.merge(pullRequest);
    await issue.reaches('destroyed', 2);
    expect(await leftovers(world, [first.slug])).toEqual([]);
    expect(await docker.listContainers({ all: true, filters })).toEqual([]);
    expect(await docker.listImages({ filters })).toEqual([]);
  });
});
