import { existsSync, readdirSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bottlePaths, runPaths, sparePaths } from '../../src/bottles/directory.ts';
import type { BottleHost, LaunchRequest } from '../../src/bottles/host.ts';
import { supervisorTiming } from '../../src/bottles/launch-file.ts';
import { isAlivePid } from '../../src/bottles/liveness.ts';
import { listSandboxProcesses } from '../../src/bottles/local/sandbox-processes.ts';
import { findProcesses, readProcess } from '../../src/bottles/processes.ts';
import { socketPaths, type SocketPaths } from '../../src/bottles/sockets.ts';
import { becomeBottle, readyMark, type Spare } from '../../src/bottles/spare.ts';
import type { Spares } from '../../src/bottles/spares.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { until } from '../support/until.ts';
import { HostFixture, never, ordered } from './host-fixture.ts';

let fixture: HostFixture;

beforeAll(async () => {
  fixture = await HostFixture.make();
});

afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

/** A host that keeps a spare, as long as the test is at it; then nothing of a spare may be left. */
async function withSpare(use: (host: BottleHost, spares: Spares) => Promise<unknown>) {
  {
    await using spares = fixture.makeSpares();
    spares.keep();
    const { backend, socketBase } = fixture;
    await use(fixture.anotherHost(supervisorTiming, backend, socketBase, spares), spares);
  }
  await expectNoSpares();
}

async function expectNoSpares(): Promise<void> {
  const state = join(fixture.dataDirectory, 'state');
  expect(await namesIn(join(state, 'spares'))).toEqual([]);
  expect(waitingSupervisors()).toEqual([]);
  const users = await namesIn(join(state, 'uids'));
  const owners = await Promise.all(users.map((uid) => readFile(join(state, 'uids', uid), 'utf8')));
  expect(owners.filter((owner) => owner.startsWith('spare-'))).toEqual([]);
}

function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}

/** They have no run yet: once they have, it stands in place of their arguments. */
function waitingSupervisors(): number[] {
  const program = join(fixture.runtimeDirectory, 'supervisor.cjs');
  return findProcesses((pid) => readProcess(pid, 'cmdline').split('\0').includes(program));
}

interface Waiting {
  readonly supervisor: number;
  readonly slug: string;
  /** The launcher, and what bubblewrap leaves inside. */
  readonly processes: readonly number[];
}

function socketsOf(slug: string): SocketPaths {
  return socketPaths(fixture.socketBase, fixture.dataDirectory, { slug, run: 1 });
}

/** The one spare that there is, when its sandbox is up. */
function oneSpare(): Promise<Waiting> {
  return until('a spare', async () => {
    const [slug = '', ...otherSlugs] = await namesIn(
      dirname(sparePaths(fixture.dataDirectory, 'any').root),
    );
    const [supervisor, ...others] = waitingSupervisors();
    const isUp = existsSync(readyMark(socketsOf(slug)));
    return supervisor !== undefined && others.length + otherSlugs.length === 0 && isUp
      ? { supervisor, slug, processes: listSandboxProcesses(slug) }
      : undefined;
  });
}

async function supervisorOf({ slug, run }: LaunchRequest): Promise<number | undefined> {
  const { journal } = runPaths(bottlePaths(fixture.dataDirectory, slug).runs, run);
  return (await until('a claim', () => readJournal(journal))).header?.supervisor?.pid;
}

async function printed(request: LaunchRequest, text: string): Promise<void> {
  await until(text, async () => (await fixture.output(request)).includes(text));
}

describe('a spare', () => {
  test('is what the next first run is made of, another takes its place, and ends with whoever keeps it', async () => {
    await withSpare(async (host) => {
      const spare = await oneSpare();
      const request = fixture.request('echo began; sleep 1000');
      await host.launch(request, ordered(request), never);
      await printed(request, 'began');
      expect(await supervisorOf(request)).toBe(spare.supervisor);
      expect(listSandboxProcesses(request.slug)).toEqual(
        expect.arrayContaining([...spare.processes]),
      );
      expect(await oneSpare()).not.toMatchObject({ supervisor: spare.supervisor });
      await host.stop(request, 'cancelled');
      expect(listSandboxProcesses(request.slug)).toEqual([]);
      const { root } = socketsOf(spare.slug);
      expect(existsSync(root)).toBe(true);
      await host.destroy(request.slug);
      expect(existsSync(root)).toBe(false);
    });
  });

  test.for([
    ['a further run', (request: LaunchRequest) => ({ ...request, run: 2 })],
    ['a run with tools', (request: LaunchRequest) => ({ ...request, tools: ['/etc/hostname'] })],
  ] as const)('gives its supervisor to %s, and its sandbox ends', async ([, change]) => {
    await withSpare(async (host) => {
      const spare = await oneSpare();
      const request = change(fixture.request('echo began; sleep 1000'));
      await host.launch(request, ordered(request), never);
      await printed(request, 'began');
      expect(await supervisorOf(request)).toBe(spare.supervisor);
      await until('its end', () => listSandboxProcesses(spare.slug).length === 0);
      await until(
        'its removal',
        () => !existsSync(sparePaths(fixture.dataDirectory, spare.slug).root),
      );
      await host.stop(request, 'cancelled');
    });
  });

  test('is one runs’ only, when several are launched at once', async () => {
    await withSpare(async (host) => {
      await oneSpare();
      const requests = ['a', 'b', 'c'].map((name) => fixture.request(`echo ${name}; sleep 1000`));
      await Promise.all(requests.map((request) => host.launch(request, ordered(request), never)));
      const supervisors = await Promise.all(requests.map(supervisorOf));
      expect(new Set(supervisors).size).toBe(3);
      for (const [index, name] of ['a', 'b', 'c'].entries()) {
        const request = requests[index] as LaunchRequest;
        await printed(request, name);
        await host.stop(request, 'cancelled');
      }
    });
  });

  test('that is still being made when a further run takes its supervisor leaves nothing', async () => {
    await withSpare(async (host) => {
      const supervisor = await until('a supervisor', async () => waitingSupervisors()[0]);
      process.kill(supervisor, 'SIGSTOP');
      const { root } = sparePaths(fixture.dataDirectory, 'any');
      const [slug = ''] = await namesIn(dirname(root));
      const request = { ...fixture.request('echo began; sleep 1000'), run: 2 };
      const launched = host.launch(request, ordered(request), never);
      const { runs } = bottlePaths(fixture.dataDirectory, request.slug);
      // What it had to say is the run's then, and it is told the next moment.
      await until('the run', async () => existsSync(runPaths(runs, 2).supervisorLog));
      process.kill(supervisor, 'SIGCONT');
      await launched;
      await printed(request, 'began');
      expect(await supervisorOf(request)).toBe(supervisor);
      await until('its removal', async () => !(await namesIn(dirname(root))).includes(slug));
      expect(existsSync(socketsOf(slug).root)).toBe(false);
      expect(listSandboxProcesses(slug)).toEqual([]);
      await host.stop(request, 'cancelled');
    });
  });

  test('that died keeps no run from being launched', async () => {
    await withSpare(async (host) => {
      const { supervisor } = await oneSpare();
      process.kill(supervisor, 'SIGKILL');
      await until('its death', () => !isAlivePid(supervisor));
      const request = fixture.request('echo began');
      await host.launch(request, ordered(request), never);
      await printed(request, 'began');
    });
  });

  test('whose sandbox died fails the launch, and the next attempt succeeds', async () => {
    await withSpare(async (host) => {
      const spare = await oneSpare();
      for (const pid of spare.processes) process.kill(pid, 'SIGKILL');
      await until('its death', () => spare.processes.every((pid) => !isAlivePid(pid)));
      const request = fixture.request('echo began');
      await expect(host.launch(request, ordered(request), never)).rejects.toThrow(
        'the sandbox ended before the agent started',
      );
      await host.launch(request, ordered(request), never);
      await printed(request, 'began');
    });
  });

  test(
    'that somebody has stopped is given up after 20 s, and the next attempt succeeds',
    { timeout: 60_000 },
    async () => {
      await withSpare(async (host) => {
        const { supervisor } = await oneSpare();
        process.kill(supervisor, 'SIGSTOP');
        const request = fixture.request('echo began');
        await expect(host.launch(request, ordered(request), never)).rejects.toThrow(
          'did not start',
        );
        await host.launch(request, ordered(request), never);
        await printed(request, 'began');
        expect(isAlivePid(supervisor)).toBe(false);
      });
    },
  );

  test('that had become a bottle when its orchestrator was killed leaves no sockets', async () => {
    await withSpare(async (host, spares) => {
      await oneSpare();
      const { supervisor, ...spare } = (await spares.take()) as Spare;
      const request = fixture.request('echo began');
      const { dataDirectory, runtimeDirectory } = fixture;
      await becomeBottle({ supervisor, ...spare }, bottlePaths(dataDirectory, request.slug), {
        version: 1,
        dataDirectory,
        runtimeDirectory,
        sockets: spare.sockets,
        sandbox: request,
        timing: supervisorTiming,
      });
      supervisor.kill('SIGKILL');
      await until(
        'the end of its sandbox',
        () => listSandboxProcesses(spare.paths.slug).length === 0,
      );
      await host.launch(request, ordered(request), never);
      await printed(request, 'began');
      expect(existsSync(spare.sockets.root)).toBe(false);
    });
  });

  test('of an orchestrator that was killed is removed by the next', async () => {
    // Nobody disposes of it: its supervisor dies with the end of its stdin only.
    fixture.makeSpares().keep();
    const { supervisor, processes } = await oneSpare();
    process.kill(supervisor, 'SIGKILL');
    await until('the end of its sandbox', () => processes.every((pid) => !isAlivePid(pid)));
    await using next = fixture.makeSpares();
    expect(await next.take()).toBeUndefined();
    await expectNoSpares();
  });

  test.for([0, 10, 20, 30, 40, 60, 80])(
    'is killed %i ms after its claim: the agent starts once, by it or by the next',
    async (ms) => {
      await withSpare(async (host) => {
        const { supervisor } = await oneSpare();
        const request = fixture.request('date > $(date +%s%N).start; sleep 1000');
        const launching = host.launch(request, ordered(request), never).catch(() => {});
        await supervisorOf(request);
        await delay(ms);
        process.kill(supervisor, 'SIGKILL');
        await launching;
        await until('its death', () => !isAlivePid(supervisor));
        const { runs, work } = bottlePaths(fixture.dataDirectory, request.slug);
        const journal = await readJournal(runPaths(runs, 1).journal);
        const starts = (): number =>
          readdirSync(work).filter((name) => name.endsWith('.start')).length;

        await host.launch(request, ordered(request), never);
        if (journal?.startingAt === undefined) await until('the agent’s start', () => starts() > 0);
        await host.stop(request, 'cancelled');
        expect(starts()).toBeLessThanOrEqual(1);
        expect(listSandboxProcesses(request.slug)).toEqual([]);
      });
    },
  );
});
