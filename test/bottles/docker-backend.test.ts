import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bottlePaths } from '../../src/bottles/directory.ts';
import { createDockerBackend } from '../../src/bottles/docker/docker-backend.ts';
import type { LaunchRequest } from '../../src/bottles/host.ts';
import { supervisorTiming } from '../../src/bottles/launch-file.ts';
import { createLocalBackend } from '../../src/bottles/local/local-backend.ts';
import { listSandboxProcesses } from '../../src/bottles/local/sandbox-processes.ts';
import { describeBackend } from '../contracts/backend.ts';
import { ensureDockerImage } from '../../tools/docker-image.ts';
import { dockerStage } from '../support/docker.ts';
import { until } from '../support/until.ts';
import { giveCredentials, HostFixture, never, ordered, Recorder } from './host-fixture.ts';

const stage = await dockerStage();
const host = stage?.engine.host ?? '';
const image = stage?.image ?? '';
const docker = new Docker({ socketPath: host.replace('unix://', '') });

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

describe.skipIf(stage === undefined)('on a Docker Engine', () => {
  describeBackend(createDockerBackend(host), { image });

  describe('a bottle', () => {
    let fixture: HostFixture;
    beforeAll(async () => {
      fixture = await HostFixture.make({ backend: createDockerBackend(host), image });
    });
    afterAll(async () => {
      await fixture[Symbol.asyncDispose]();
    });

    const filterOf = ({ slug }: LaunchRequest) => ({ label: [`bot-bottle.slug=${slug}`] });
    const containersOf = (request: LaunchRequest) =>
      docker.listContainers({ all: true, filters: filterOf(request) });
    const imagesOf = (request: LaunchRequest) => docker.listImages({ filters: filterOf(request) });

    test('keeps what the agent wrote into the image, from freeze to freeze, in one image', async () => {
      const first = fixture.request('echo one > /var/tmp/one');
      await fixture.run(first);
      await fixture.host.freeze(first.slug);
      const second = {
        ...first,
        run: 2,
        argv: ['sh', '-c', 'cat /var/tmp/one; echo two > /var/tmp/two'],
      } as const;
      await fixture.run(second);
      await fixture.host.freeze(first.slug);
      const third = {
        ...first,
        run: 3,
        argv: ['sh', '-c', 'cat /var/tmp/one /var/tmp/two'],
      } as const;
      await fixture.run(third);
      await fixture.host.freeze(first.slug);

      expect(await fixture.output(second)).toBe('one\n');
      expect(await fixture.output(third)).toBe('one\ntwo\n');
      expect(await containersOf(first)).toEqual([]);
      const { root } = bottlePaths(fixture.dataDirectory, first.slug);
      const state = JSON.parse(await readFile(join(root, 'docker.json'), 'utf8')) as object;
      expect(state).toMatchObject({ image: (await imagesOf(first))[0]?.Id, frozen: true });
      expect(await imagesOf(first)).toHaveLength(1);
    });

    test('leaves neither container nor image when it is destroyed', async () => {
      const request = fixture.request('echo ready; sleep 1000');
      await fixture.run({ ...request, argv: ['true'] });
      await fixture.host.freeze(request.slug);
      await fixture.host.launch({ ...request, run: 2 }, ordered({ ...request, run: 2 }), never);
      expect(await containersOf(request)).toHaveLength(1);
      expect(await imagesOf(request)).toHaveLength(1);

      await fixture.host.destroy(request.slug);

      expect(await containersOf(request)).toEqual([]);
      expect(await imagesOf(request)).toEqual([]);
      expect(await docker.getImage(image).inspect()).toBeDefined();
    });

    test('ends by itself when no supervisor claims it, and the next run starts all the same', async () => {
      const backend = createDockerBackend(host);
      const killed = new Error('killed when the container had been created');
      const interrupted = fixture.anotherHost(supervisorTiming, {
        ...backend,
        async prepare(run) {
          await backend.prepare(run);
          throw killed;
        },
      });
      const request = fixture.request('echo ready');
      await expect(interrupted.launch(request, ordered(request), never)).rejects.toThrow(killed);
      expect(await containersOf(request)).toHaveLength(1);

      await until(
        'its end',
        async () => (await containersOf(request))[0]?.State === 'exited',
        60_000,
      );
      await fixture.run(request);
      expect(await fixture.output(request)).toBe('ready\n');
      expect(await containersOf(request)).toHaveLength(1);
      await fixture.host.destroy(request.slug);
      expect(await containersOf(request)).toEqual([]);
      expect(await imagesOf(request)).toEqual([]);
    });

    test('is not taken for destroyed by an orchestrator that cannot reach the Engine', async () => {
      const request = fixture.request('true');
      await fixture.run(request);
      const without = fixture.anotherHost(supervisorTiming, createLocalBackend());
      await expect(without.destroy(request.slug)).rejects.toThrow(
        /backend docker .* does not work/,
      );

      expect(await without.list()).toContainEqual(expect.objectContaining({ slug: request.slug }));
      await fixture.host.destroy(request.slug);
      expect(await containersOf(request)).toEqual([]);
    });

    test('is refused when its image is not there, with what to do', async () => {
      const named = fixture.request('true', { image: 'no-such-image:1' });
      await expect(fixture.host.launch(named, ordered(named), never)).rejects.toMatchObject({
        name: 'LaunchRefusedError',
        message: expect.stringContaining('`docker pull no-such-image:1`'),
      });
      const { image: _, ...unnamed } = fixture.request('true');
      await expect(fixture.host.launch(unnamed, ordered(unnamed), never)).rejects.toMatchObject({
        name: 'LaunchRefusedError',
        message: expect.stringContaining('docker build -t bot-bottle-agent:latest images/'),
      });
    });

    test('is refused when the image that it was frozen into was removed', async () => {
      const request = fixture.request('true');
      await fixture.run(request);
      await fixture.host.freeze(request.slug);
      for (const { Id: id } of await imagesOf(request))
        await docker.getImage(id).remove({ force: true });

      await expect(
        fixture.host.launch({ ...request, run: 2 }, ordered({ ...request, run: 2 }), never),
      ).rejects.toMatchObject({
        name: 'LaunchRefusedError',
        message: expect.stringContaining('was removed'),
      });
    });

    test('is refused when the image cannot run Node, and says that it needs glibc', async () => {
      const container = await docker.createContainer({
        Image: image,
        User: '0',
        Cmd: ['rm', '-rf', '/lib64', '/usr/lib64'],
      });
      await container.start();
      await container.wait();
      await container.commit({ repo: 'without-glibc', tag: '1' });
      await container.remove();
      const request = fixture.request('true', { image: 'without-glibc:1' });

      await expect(fixture.host.launch(request, ordered(request), never)).rejects.toMatchObject({
        name: 'LaunchRefusedError',
        message: expect.stringContaining('use an image with glibc'),
      });
      await fixture.host.destroy(request.slug);
      await docker.getImage('without-glibc:1').remove({ force: true });
    });

    test('ends when its container is killed from outside, and says so', async () => {
      const request = fixture.request('echo ready; sleep 1000');
      await fixture.host.launch(request, ordered(request), never);
      const [container] = await containersOf(request);
      await docker.getContainer(container?.Id ?? '').kill();
      const end = await until('the end', async () => {
        const probe = await fixture.host.probe(request);
        return probe.state === 'ended' && probe.end;
      });

      expect(end).toMatchObject({
        outcome: 'exited',
        reason: 'the container was ended from outside',
      });
      expect(end.exitCode).toBeUndefined();
    });

    test('of the same slug in another data directory is another', async () => {
      await using other = await HostFixture.make({ backend: createDockerBackend(host), image });
      const request = fixture.request('echo ready; sleep 1000');
      await fixture.host.launch(request, ordered(request), never);
      await other.host.launch(
        { ...request, repository: other.request('').repository },
        ordered({ ...request, repository: other.request('').repository }),
        never,
      );
      expect(await containersOf(request)).toHaveLength(2);
      await other.host.destroy(request.slug);
      expect(await containersOf(request)).toHaveLength(1);
      expect(await fixture.host.probe(request)).toMatchObject({ state: 'alive' });
      await fixture.host.stop(request, 'cancelled');
    });
  });
});

describe.skipIf(process.getuid?.() !== 0)('while the Docker daemon is restarted', () => {
  let directory: string;
  let daemon: ChildProcess;
  let fixture: HostFixture;

  /** One that lets its containers run on without it. */
  async function startDaemon(): Promise<string> {
    const socket = join(directory, 'docker.sock');
    daemon = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'TERM', 'dockerd', '--live-restore', '--host', `unix://${socket}`],
        ...['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'run')],
        ...['--pidfile', join(directory, 'pid'), '--bridge', 'none', '--iptables=false'],
      ],
      { stdio: 'ignore' },
    );
    const engine = new Docker({ socketPath: socket });
    await until('the daemon answers', () => engine.ping().catch(() => undefined));
    return `unix://${socket}`;
  }

  async function stopDaemon(): Promise<void> {
    const exited = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await exited;
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'restarted-docker-'));
    const dockerHost = await startDaemon();
    const name = await ensureDockerImage(dockerHost, () => {});
    const backend = createDockerBackend(dockerHost);
    fixture = await HostFixture.make({ backend, image: name });
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await stopDaemon();
    // A daemon that lets containers run on leaves it.
    execFileSync('umount', [join(directory, 'data')]);
    await rm(directory, { recursive: true, force: true });
  });

  test('an agent runs on, no output is lost, and its bottle is frozen by the new daemon', async () => {
    const request = fixture.request(
      'n=0; until [ -e enough ]; do n=$((n+1)); echo line $n; sleep 0.01; done; exit 5',
    );
    await fixture.host.launch(request, ordered(request), never);
    await until('some output', async () => (await fixture.output(request)).includes('line 20'));
    await stopDaemon();
    await until('output meanwhile', async () =>
      (await fixture.output(request)).includes('line 99'),
    );
    await startDaemon();
    const { work } = bottlePaths(fixture.dataDirectory, request.slug);
    await writeFile(join(work, 'enough'), '');
    const end = await fixture.host.watch(request, giveCredentials, new Recorder(), never);
    await fixture.host.freeze(request.slug);

    expect(end).toMatchObject({ outcome: 'exited', exitCode: 5 });
    const lines = (await fixture.output(request)).trim().split('\n');
    expect(lines).toEqual(lines.map((_, index) => `line ${index + 1}`));
  });

  test('a run whose end falls into that time is ended when the daemon is back', async () => {
    const request = fixture.request('echo ready; until [ -e enough ]; do sleep 0.05; done; exit 6');
    await fixture.host.launch(request, ordered(request), never);
    await stopDaemon();
    const { work } = bottlePaths(fixture.dataDirectory, request.slug);
    await writeFile(join(work, 'enough'), '');
    await until('the agent is gone', () => listSandboxProcesses(request.slug).length === 0);
    await startDaemon();

    expect(await fixture.host.watch(request, giveCredentials, new Recorder(), never)).toMatchObject(
      {
        outcome: 'exited',
        exitCode: 6,
      },
    );
  });
});

describe('a Docker Engine that cannot be used is told of with what to do', () => {
  test.for([
    ['unix:///nowhere/docker.sock', /no Docker Engine answers at \/nowhere\/docker.sock/],
    ['tcp://192.0.2.1:2375', /need not be on this machine/],
    [`unix://${import.meta.filename}`, /no Docker Engine answers/],
  ] as const)('%s', async ([dockerHost, reason]) => {
    expect(await createDockerBackend(dockerHost).check()).toEqual({
      usable: false,
      reason: expect.stringMatching(reason),
      fix: expect.stringMatching(/./),
    });
  });
});
