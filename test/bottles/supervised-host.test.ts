import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { appendFile, readFile, rm, stat, utimes } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { destroyAllBottles } from '../../src/bottles/destroy-all.ts';
import { type BottlePaths, bottlePaths, runPaths } from '../../src/bottles/directory.ts';
import type { LaunchOrder, LaunchRequest } from '../../src/bottles/host.ts';
import { supervisorTiming } from '../../src/bottles/launch-file.ts';
import { isAlivePid } from '../../src/bottles/liveness.ts';
import { socketPaths } from '../../src/bottles/sockets.ts';
import { listSandboxProcesses } from '../../src/bottles/local/sandbox-processes.ts';
import type { JournalEntry } from '../../src/journal/format.ts';
import { followJournal, readJournal } from '../../src/journal/reader.ts';
import { until } from '../support/until.ts';
import {
  credentials,
  giveCredentials,
  HostFixture,
  never,
  ordered,
  Recorder,
} from './host-fixture.ts';

let fixture: HostFixture;

beforeAll(async () => {
  fixture = await HostFixture.make();
});

afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

/** What the forge is asked for and does not answer. */
const hanging: LaunchOrder = { source: new Promise(() => {}), request: new Promise(() => {}) };

/** Calls the sidecar from inside a bottle. */
const signalDone = `curl -sS --unix-socket /run/bottle/sidecar.sock -H 'content-type: application/json' \
  -d '{"jsonrpc":"2.0","id":1,"method":"signal_done","params":{"status":"success","summary":"all well"}}' http://door/rpc`;

const nonsense = `curl -sS --unix-socket /run/bottle/sidecar.sock -d '{"jsonrpc":"2.0","id":1,"method":"nonsense"}' http://door/rpc`;

function journalOf(request: LaunchRequest): string {
  return runPaths(bottlePaths(fixture.dataDirectory, request.slug).runs, request.run).journal;
}

function launchFileOf(request: LaunchRequest): string {
  return runPaths(bottlePaths(fixture.dataDirectory, request.slug).runs, request.run).launch;
}

async function supervisorOf(request: LaunchRequest): Promise<number> {
  const journal = await until('a claim', () => readJournal(journalOf(request)));
  return journal.header?.supervisor?.pid ?? 0;
}

/** Resolves as soon as the journal has such an entry. */
async function written(request: LaunchRequest, type: JournalEntry['type']): Promise<void> {
  for await (const entry of followJournal(journalOf(request), never)) {
    if (entry.type === type) return;
  }
}

function printed(request: LaunchRequest, text: string): Promise<boolean> {
  return until(`the agent prints ${text}`, async () =>
    (await fixture.output(request)).includes(text),
  );
}

describe('a run', () => {
  test('clones the repository onto its branch, runs the agent there, and ends with its exit code', async () => {
    const request = fixture.request(
      'git branch --show-current; cat readme.md /run/prompt.md; exit 7',
    );
    const end = await fixture.run(request);

    expect(end).toMatchObject({ outcome: 'exited', exitCode: 7 });
    expect(await fixture.output(request)).toBe('bot-bottle/issue-1\nhello\nDo the work.');
  });

  test('says that there is no such program, and in its output which', async () => {
    const request = fixture.request('', { argv: ['no-such-agent', '--flag'] });
    const end = await fixture.run(request);

    expect(end).toMatchObject({
      outcome: 'exited',
      exitCode: 127,
      reason: expect.stringContaining('`tools` of the bottle'),
    });
    expect(await fixture.output(request)).toContain('no-such-agent');
  });

  test('is done when the agent said so, and ends a while after that even if the agent stays', async () => {
    const request = fixture.request(`${signalDone}; sleep 1000`);
    const recorder = new Recorder();
    await fixture.host.launch(request, ordered(request), never);
    const end = await fixture.host.watch(request, giveCredentials, recorder, never);

    const done = { status: 'success', summary: 'all well' };
    expect(end).toMatchObject({ outcome: 'done', done });
    expect(recorder.dones).toEqual([done]);
    expect(recorder.recorded).toMatchObject([
      { sequence: 1, operation: 'signal_done', outcome: 'ok' },
    ]);
  });

  test('goes on in the same working copy and home when it is resumed', async () => {
    const first = fixture.request('echo mine > note; echo yours > ~/note; git switch -c elsewhere');
    await fixture.run(first);
    await fixture.host.freeze(first.slug);
    const second = {
      ...first,
      run: 2,
      argv: ['sh', '-c', 'cat note ~/note; git branch --show-current'],
    } as const;
    await fixture.run(second);

    expect(await fixture.output(second)).toBe('mine\nyours\nelsewhere\n');
  });

  test('finds its files whatever an earlier run has put in their place', async () => {
    const files = { '.one/deep/a': 'a', '.two/deep/b': 'b', '.three': 'c', '.three-too': 'd' };
    const first = fixture.request(
      'echo file > ~/.one; ln -s /usr ~/.two; mkdir -p ~/.three/x; ln -s /usr/bin/env ~/.three-too',
    );
    await fixture.run(first);
    const second = {
      ...first,
      run: 2,
      files,
      argv: ['sh', '-c', 'cd; cat .one/deep/a .two/deep/b .three .three-too'],
    } as const;
    await fixture.run(second);

    expect(await fixture.output(second)).toBe('abcd');
  });

  test('leaves no process behind, however it was started', async () => {
    const request = fixture.request(
      '(setsid sh -c "sleep 1000" & ) ; nohup sleep 1000 >/dev/null 2>&1 & echo left; exit 0',
    );
    const end = await fixture.run(request);

    expect(end).toMatchObject({ outcome: 'exited', exitCode: 0 });
    expect(listSandboxProcesses(request.slug)).toEqual([]);
  });
});

describe('stop', () => {
  test('ends an agent that ignores TERM', async () => {
    const request = fixture.request('trap "" TERM; echo ready; while :; do sleep 1; done');
    await fixture.host.launch(request, ordered(request), never);
    await printed(request, 'ready');

    const end = await fixture.host.stop(request, 'watchdog');

    expect(end).toMatchObject({ outcome: 'watchdog' });
    expect(end.exitCode).toBeUndefined();
    expect(listSandboxProcesses(request.slug)).toEqual([]);
  });

  test('lets an agent tidy up', async () => {
    const request = fixture.request(
      'trap "echo tidy; exit 0" TERM; echo ready; while :; do sleep 0.1; done',
    );
    await fixture.host.launch(request, ordered(request), never);
    await printed(request, 'ready');
    await fixture.host.stop(request, 'cancelled');

    expect(await fixture.output(request)).toMatch(/tidy\n$/);
  });

  test('gives the earlier end when there was one, also twice at once', async () => {
    const request = fixture.request('exit 3');
    await fixture.run(request);
    const ends = await Promise.all([
      fixture.host.stop(request, 'watchdog'),
      fixture.host.stop(request, 'deadline'),
    ]);

    expect(ends).toMatchObject([
      { outcome: 'exited', exitCode: 3 },
      { outcome: 'exited', exitCode: 3 },
    ]);
  });

  test('before the launch keeps the run from ever beginning', async () => {
    const request = fixture.request('echo began');
    const end = await fixture.host.stop(request, 'cancelled');
    const launched = await fixture.host.launch(request, ordered(request), never);

    expect(end.outcome).toBe('cancelled');
    expect(launched.startedAt).toBeUndefined();
    expect(await fixture.output(request)).toBe('');
  });

  test.for([0, 10, 40, 80, 120, 160, 200])(
    'that comes %i ms after a launch wins over it',
    async (ms) => {
      const request = fixture.request('echo began; sleep 1000');
      const launching = fixture.host.launch(request, ordered(request), never);
      await new Promise((resolve) => setTimeout(resolve, ms));
      const end = await fixture.host.stop(request, 'cancelled');
      const { startedAt } = await launching;

      expect(end.outcome).toBe('cancelled');
      expect((await readJournal(journalOf(request)))?.startingAt !== undefined).toBe(
        startedAt !== undefined,
      );
      expect(listSandboxProcesses(request.slug)).toEqual([]);
      expect(await fixture.host.probe(request)).toMatchObject({ state: 'ended' });
    },
  );

  test('that finds a supervisor only when it has begun to seal stops it, and it alone seals', async () => {
    const request = fixture.request('echo began; sleep 1000');
    const claimed = Promise.withResolvers<void>();
    const backend = {
      ...fixture.backend,
      // Looking for processes takes a while: meanwhile the young supervisor claims the run.
      async freeze(paths: BottlePaths) {
        claimed.resolve();
        await until('a claim', () => readJournal(journalOf(request)));
        await fixture.backend.freeze(paths);
      },
    };
    const host = fixture.anotherHost({ ...supervisorTiming, afterTerm: 1_000 }, backend);
    const cut = new AbortController();
    const launching = host.launch(request, ordered(request), cut.signal).catch(() => {});
    await until('it is told what to do', () => existsSync(launchFileOf(request)));
    cut.abort(new Error('cancelled'));
    const end = await host.stop(request, 'cancelled');
    await launching;

    await claimed.promise;
    expect(end).toMatchObject({ outcome: 'cancelled' });
    expect(isAlivePid(await supervisorOf(request))).toBe(false);
    expect(readFileSync(journalOf(request), 'utf8').match(/"ended"/g)).toHaveLength(1);
  });

  test('seals a run whose supervisor was killed as lost, once, and the watch then ends', async () => {
    const request = fixture.request('echo ready; sleep 1000');
    await fixture.host.launch(request, ordered(request), never);
    await printed(request, 'ready');
    const watching = fixture.host.watch(request, giveCredentials, new Recorder(), never);
    process.kill(await supervisorOf(request), 'SIGKILL');
    await until(
      'the probe finds it dead',
      async () => (await fixture.host.probe(request)).state === 'dead',
    );

    const ends = await Promise.all([
      fixture.host.stop(request, 'watchdog'),
      fixture.anotherHost().stop(request, 'watchdog'),
    ]);

    expect(ends[0]).toMatchObject({ outcome: 'lost' });
    expect(ends[1]).toEqual(ends[0]);
    expect(await watching).toEqual(ends[0]);
    expect(readFileSync(journalOf(request), 'utf8').match(/"ended"/g)).toHaveLength(1);
  });

  test('ends a supervisor that does not answer', async () => {
    const request = fixture.request('echo ready; sleep 1000');
    await fixture.host.launch(request, ordered(request), never);
    await printed(request, 'ready');
    process.kill(await supervisorOf(request), 'SIGSTOP');

    const end = await fixture
      .anotherHost({
        awaitGo: 1_000,
        afterDone: 1_000,
        afterBudget: 1_000,
        afterTerm: 500,
        afterDeadline: 1_000,
      })
      .stop(request, 'watchdog');

    expect(end).toMatchObject({ outcome: 'lost' });
    expect(listSandboxProcesses(request.slug)).toEqual([]);
  }, 120_000);

  test('a supervisor that is asked to end seals its journal', async () => {
    const request = fixture.request('echo ready; sleep 1000');
    await fixture.host.launch(request, ordered(request), never);
    await printed(request, 'ready');
    process.kill(await supervisorOf(request), 'SIGHUP');
    process.kill(await supervisorOf(request), 'SIGTERM');
    const end = await fixture.host.watch(request, giveCredentials, new Recorder(), never);

    expect(end).toMatchObject({ outcome: 'lost', reason: 'the supervisor was asked to terminate' });
  });
});

describe('kill -9 of the supervisor during the launch', () => {
  const script = 'date > $(date +%s%N).start; sleep 1000';
  const startsOf = ({ slug }: LaunchRequest): number =>
    readdirSync(bottlePaths(fixture.dataDirectory, slug).work).filter((name) =>
      name.endsWith('.start'),
    ).length;

  /** Launches, kills the supervisor at a moment after its claim, and gives what its journal says then. */
  async function killDuringLaunch(
    request: LaunchRequest,
    moment: () => Promise<unknown>,
    order: LaunchOrder = ordered(request),
  ) {
    const launching = fixture.host.launch(request, order, never).catch(() => {});
    await written(request, 'claimed');
    const pid = await supervisorOf(request);
    await moment();
    process.kill(pid, 'SIGKILL');
    await launching;
    await until('its death', () => !isAlivePid(pid));
    return await readJournal(journalOf(request));
  }

  async function expectOneStart(request: LaunchRequest, wasStarting: boolean): Promise<void> {
    // What a retry of the launch does.
    await fixture.host.launch(request, ordered(request), never);
    if (!wasStarting) await until('the agent’s start', () => startsOf(request) > 0);
    const end = await fixture.host.stop(request, 'cancelled');

    expect(end.outcome).toBe(wasStarting ? 'lost' : 'cancelled');
    expect(startsOf(request)).toBeLessThanOrEqual(1);
    await until('nothing is left', () => listSandboxProcesses(request.slug).length === 0);
  }

  test.for([20, 40, 60, 80, 100, 120, 140, 160])(
    '%i ms after its claim: the agent starts once, by it or by the next, and nothing is left behind',
    async (ms) => {
      const request = fixture.request(script);
      const journal = await killDuringLaunch(request, () => delay(ms));
      await expectOneStart(request, journal?.startingAt !== undefined);
    },
  );

  test('at its claim: the next starts the agent', async () => {
    const request = fixture.request(script);
    const journal = await killDuringLaunch(request, async () => {}, hanging);
    expect(journal?.startingAt).toBeUndefined();
    await expectOneStart(request, false);
  });

  test('at its claim: the launch fails with the last that the supervisor wrote to its log', async () => {
    const request = fixture.request(script);
    const launching = fixture.host.launch(request, hanging, never);
    const failed = expect(launching).rejects.toThrow(
      /died before it started the agent: .*out of memory/s,
    );
    await written(request, 'claimed');
    await appendFile(join(dirname(journalOf(request)), 'supervisor.log'), 'out of memory\n');
    process.kill(await supervisorOf(request), 'SIGKILL');
    await failed;
    await fixture.host.stop(request, 'cancelled');
  });

  test('when the agent is about to start: the run is lost, and no other agent starts', async () => {
    const request = fixture.request(script);
    const journal = await killDuringLaunch(request, () => written(request, 'agent-starting'));
    expect(journal?.startingAt).toBeDefined();
    await expectOneStart(request, true);
  });
});

describe('the orchestrator dies', () => {
  test('the next one watches on: each operation once, in order, and the end', async () => {
    const script = Array.from({ length: 20 }, () => `${nonsense}; sleep 0.05`).join('\n');
    const request = fixture.request(script);
    await fixture.host.launch(request, ordered(request), never);
    const seen: number[] = [];
    for (;;) {
      const recorder = new Recorder(seen.at(-1) ?? 0);
      const detach = new AbortController();
      const watching = fixture
        .anotherHost()
        .watch(request, giveCredentials, recorder, detach.signal);
      const end = await Promise.race([
        watching,
        until('a few more', () => recorder.recorded.length >= 4).catch(() => undefined),
      ]);
      detach.abort();
      await watching.catch(() => {});
      seen.push(...recorder.recorded.map(({ sequence }) => sequence));
      if (typeof end === 'object') break;
    }

    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  test('a watch relays the journal while the credentials cannot be had, and asks for them again', async () => {
    const request = fixture.request(`${nonsense}; sleep 1000`);
    await fixture.host.launch(request, ordered(request), never);
    let asked = 0;
    const recorder = new Recorder();
    const ask = async () => {
      await until('an operation', () => recorder.recorded.length === 1);
      if (++asked === 1) throw new Error('the forge is down');
      return credentials;
    };
    const watching = fixture.host.watch(request, ask, recorder, never);
    await until('the second try', () => asked === 2);
    await fixture.host.stop(request, 'cancelled');

    expect(await watching).toMatchObject({ outcome: 'cancelled' });
  });

  test('the next one finds a supervisor where it listens, whatever its own place for sockets is', async () => {
    const request = fixture.request(
      'trap "echo tidy; exit 0" TERM; echo ready; while :; do sleep 0.1; done',
    );
    await fixture.host.launch(request, ordered(request), never);
    await printed(request, 'ready');
    const { root } = socketPaths(fixture.socketBase, fixture.dataDirectory, request);
    const elsewhere = join(fixture.directory, 'run');
    const next = fixture.anotherHost(supervisorTiming, fixture.backend, elsewhere);
    const end = await next.stop(request, 'cancelled');
    expect(existsSync(root)).toBe(true);
    await next.destroy(request.slug);

    expect(end).toMatchObject({ outcome: 'cancelled' });
    expect(existsSync(root)).toBe(false);
  });

  test('a launch that is cut off is gone on with by the next, and the agent starts once', async () => {
    const request = fixture.request('echo one start; sleep 1000');
    const cut = new AbortController();
    const launching = fixture.host.launch(request, ordered(request), cut.signal).catch(() => {});
    await until('a claim', () => existsSync(journalOf(request)));
    cut.abort(new Error('shut down'));
    await launching;

    const { startedAt } = await fixture.anotherHost().launch(request, ordered(request), never);
    const again = await fixture.anotherHost().launch(request, ordered(request), never);
    await printed(request, 'one start');

    expect(again).toEqual({ startedAt });
    expect(await fixture.host.list()).toContainEqual(
      expect.objectContaining({ slug: request.slug, livingRun: 1 }),
    );
    await fixture.host.stop(request, 'cancelled');
    expect((await fixture.output(request)).match(/one start/g)).toHaveLength(1);
  });

  test('a run long past its deadline ends by itself when nobody is attached', async () => {
    const host = fixture.anotherHost({
      awaitGo: 60_000,
      afterDone: 1_000,
      afterBudget: 1_000,
      afterTerm: 500,
      afterDeadline: 300,
    });
    const request = fixture.request('sleep 1000', { deadlineMs: 200 });
    await host.launch(request, ordered(request), never);
    const ended = await until('the end', async () => {
      const probe = await host.probe(request);
      return probe.state === 'ended' && probe.end;
    });

    expect(ended).toMatchObject({ outcome: 'deadline' });
  });

  test('a supervisor that nobody tells to go gives its claim up, and the next launch replaces it', async () => {
    const host = fixture.anotherHost({ ...supervisorTiming, awaitGo: 200 });
    // A forge that does not answer: the mirror is not brought up to date, and nobody says go.
    const forge = createServer();
    await new Promise<void>((resolve) => forge.listen(0, '127.0.0.1', resolve));
    const { port } = forge.address() as AddressInfo;
    const request = fixture.request('echo began');
    const cloneUrl = `http://127.0.0.1:${port}/site.git`;
    const repository = { ...request.repository, id: 8, cloneUrl };
    const cut = new AbortController();
    const launching = host
      .launch({ ...request, repository }, ordered({ ...request, repository }), cut.signal)
      .catch(() => {});
    const pid = await supervisorOf(request);
    cut.abort(new Error('killed'));
    await launching;
    await until('its death', () => !isAlivePid(pid));
    const givenUp = await readJournal(journalOf(request));
    await fixture.run(request);
    forge.closeAllConnections();
    forge.close();

    expect(givenUp).toMatchObject({
      startingAt: undefined,
      launchFailure: { reason: 'no orchestrator said go', retryable: true },
    });
    expect(await fixture.output(request)).toBe('began\n');
  });
});

describe('a launch that fails', () => {
  test('for want of the repository can be tried again, and says why', async () => {
    const repository = {
      ...fixture.request('').repository,
      id: 99,
      cloneUrl: `file://${fixture.directory}/none.git`,
    };
    const request = fixture.request('echo began', { repository });
    await expect(fixture.host.launch(request, ordered(request), never)).rejects.toThrow(
      /git fetch/,
    );
    const mended = {
      ...request,
      repository: { ...repository, cloneUrl: `file://${fixture.upstream}` },
    };
    await fixture.run(mended);

    expect(await fixture.output(mended)).toBe('began\n');
  });
});

describe('check-ins', () => {
  test('output counts while the sidecar answers', async () => {
    const request = fixture.request('while :; do echo tick; sleep 0.2; done');
    await fixture.host.launch(request, ordered(request), never);
    const { checkin } = runPaths(bottlePaths(fixture.dataDirectory, request.slug).runs, 1);
    await utimes(checkin, 1, 1);
    await until('a check-in', async () => (await stat(checkin)).mtimeMs > 10_000);

    await fixture.host.stop(request, 'cancelled');
  });
});

describe('check-ins of a bottle whose sidecar cannot be reached', () => {
  test('output does not count', async () => {
    const request = fixture.request('n=0; while :; do n=$((n+1)); echo tick $n; sleep 0.2; done');
    await fixture.host.launch(request, ordered(request), never);
    const { checkin } = runPaths(bottlePaths(fixture.dataDirectory, request.slug).runs, 1);
    await rm(socketPaths(fixture.socketBase, fixture.dataDirectory, request).sidecar);
    const ticks = async (): Promise<number> =>
      [...(await fixture.output(request)).matchAll(/tick/g)].length;
    // An answer is trusted for three seconds.
    const trusted = (await ticks()) + 20;
    await until('the trust has run out', async () => (await ticks()) > trusted);
    await utimes(checkin, 1, 1);
    await until('more output', async () => (await ticks()) > trusted + 15);

    expect((await stat(checkin)).mtimeMs).toBe(1_000);
    expect(await fixture.host.probe(request)).toEqual({ state: 'alive', lastCheckinAt: 1_000 });
    await fixture.host.stop(request, 'cancelled');
  });
});

describe('destroy', () => {
  test('removes everything but a tombstone and the archived runs, again and again', async () => {
    const request = fixture.request(
      'mkdir -p a/b; echo x > a/b/c; chmod -R 555 a; echo ready; sleep 1000',
    );
    await fixture.host.launch(request, ordered(request), never);
    await printed(request, 'ready');

    await fixture.host.destroy(request.slug);
    await fixture.host.destroy(request.slug);

    const paths = bottlePaths(fixture.dataDirectory, request.slug);
    expect(await fixture.host.list()).not.toContainEqual(
      expect.objectContaining({ slug: request.slug }),
    );
    expect(existsSync(paths.root)).toBe(false);
    expect(listSandboxProcesses(request.slug)).toEqual([]);
    expect(await fixture.output(request)).toBe('ready\n');
    expect(await fixture.host.stop(request, 'watchdog')).toMatchObject({ outcome: 'cancelled' });
  });

  test('what it left is removed after 30 days, and not before', async () => {
    const [young, old] = [fixture.request('true'), fixture.request('true')];
    for (const request of [young, old]) {
      await fixture.run(request);
      await fixture.host.destroy(request.slug);
    }
    const pathsOf = ({ slug }: LaunchRequest) => bottlePaths(fixture.dataDirectory, slug);
    const now = Date.now() / 1000;
    for (const [request, days] of [
      [young, 29],
      [old, 31],
    ] as const) {
      const { archive, tombstone } = pathsOf(request);
      for (const path of [archive, tombstone]) await utimes(path, now, now - days * 86_400);
    }
    await fixture.host.removeExpired();
    await fixture.host.removeExpired();

    const left = [young, old].map(pathsOf).map(({ archive, tombstone }) => ({
      archive: existsSync(archive),
      tombstone: existsSync(tombstone),
    }));
    expect(left).toEqual([
      { archive: true, tombstone: true },
      { archive: false, tombstone: false },
    ]);
  });

  test('a late launch finds the tombstone', async () => {
    const request = fixture.request('echo began');
    await fixture.host.destroy(request.slug);

    await expect(fixture.host.launch(request, ordered(request), never)).rejects.toMatchObject({
      name: 'BottleDestroyedError',
    });
    expect(existsSync(bottlePaths(fixture.dataDirectory, request.slug).root)).toBe(false);
  });

  test('while it is launched leaves nothing', async () => {
    const request = fixture.request('sleep 1000');
    const launching = fixture.host.launch(request, ordered(request), never).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 60));
    await fixture.host.destroy(request.slug);
    await launching;

    expect(existsSync(bottlePaths(fixture.dataDirectory, request.slug).root)).toBe(false);
    expect(listSandboxProcesses(request.slug)).toEqual([]);
  });

  test('of a bottle whose making was cut short succeeds', async () => {
    const request = fixture.request('true');
    await fixture.host.stop(request, 'cancelled');
    expect(await fixture.host.list()).toContainEqual({
      slug: request.slug,
      workflowId: undefined,
      livingRun: undefined,
    });
    await fixture.host.destroy(request.slug);
    expect(await fixture.host.list()).not.toContainEqual(
      expect.objectContaining({ slug: request.slug }),
    );
  });
});

describe('a launch whose order is still to come', () => {
  test.each(['stop', 'destroy'] as const)('ends at a %s, and leaves nothing', async (how) => {
    const request = fixture.request('echo began');
    const launched = fixture.host.launch(request, hanging, never);
    await written(request, 'claimed');
    if (how === 'stop') await fixture.host.stop(request, 'cancelled');
    else await fixture.host.destroy(request.slug);

    await launched.then(
      ({ startedAt }) => expect(startedAt).toBeUndefined(),
      (error: unknown) => expect(how, String(error)).toBe('destroy'),
    );
    expect(listSandboxProcesses(request.slug)).toEqual([]);
  });

  test('keeps its supervisor for as long as it takes', async () => {
    const host = fixture.anotherHost({ ...supervisorTiming, awaitGo: 200 });
    const request = fixture.request('echo began');
    // A supervisor looks once a second.
    const order = { ...ordered(request), request: delay(2_500).then(() => request) };
    const launched = host.launch(request, order, never);
    const first = await supervisorOf(request);
    await launched;
    await printed(request, 'began');
    expect(await supervisorOf(request)).toBe(first);
  });

  test('ends when it is cut off, and the next one goes on with its supervisor', async () => {
    const request = fixture.request('echo began');
    const aborter = new AbortController();
    const cutOff = fixture.host.launch(request, hanging, aborter.signal);
    await written(request, 'claimed');
    aborter.abort(new Error('cut off'));
    await expect(cutOff).rejects.toThrow('cut off');
    const supervisor = await supervisorOf(request);
    await fixture.host.launch(request, ordered(request), never);
    await printed(request, 'began');
    expect(await supervisorOf(request)).toBe(supervisor);
  });
});

describe('a launch whose order comes to nothing', () => {
  test('gives the sandbox up, and can be tried again', async () => {
    const request = fixture.request('echo began');
    const away = Promise.reject(new Error('the forge is away'));
    const order = { source: away, request: away };
    await expect(fixture.host.launch(request, order, never)).rejects.toThrow('the forge is away');
    const { launchFailure } = (await readJournal(journalOf(request))) ?? {};
    expect(launchFailure).toMatchObject({ reason: 'Error: the forge is away', retryable: true });
    expect(listSandboxProcesses(request.slug)).toEqual([]);

    expect(await fixture.run(request)).toMatchObject({ outcome: 'exited', exitCode: 0 });
  });
});

test('all bottles of a data directory can be destroyed, wherever their sockets are', async () => {
  await using doomed = await HostFixture.make();
  const elsewhere = join(doomed.directory, 'run');
  const host = doomed.anotherHost(supervisorTiming, doomed.backend, elsewhere);
  const request = doomed.request('sleep 1000');
  await host.launch(request, ordered(request), never);
  await destroyAllBottles(doomed.dataDirectory);
  await destroyAllBottles(doomed.dataDirectory);

  expect(await host.list()).toEqual([]);
  expect(readdirSync(elsewhere)).toEqual([]);
});

test('a secret is neither on the disk nor in an argument vector', async () => {
  const request = fixture.request('echo ready; sleep 1000');
  await fixture.host.launch(request, ordered(request), never);
  await printed(request, 'ready');
  const pid = await supervisorOf(request);
  const root = bottlePaths(fixture.dataDirectory, request.slug).root;
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const texts = await Promise.all(
    files.map((file) => readFile(join(file.parentPath, file.name), 'utf8')),
  );

  expect(texts.filter((text) => text.includes(credentials.token))).toEqual([]);
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(credentials.token);
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(credentials.token);
  await fixture.host.stop(request, 'cancelled');
});
