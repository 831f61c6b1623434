import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createBotBottleCliBackend } from '../../src/bottles/bot-bottle-cli/bot-bottle-cli-backend.ts';
import { readCliState, writeCliState } from '../../src/bottles/bot-bottle-cli/cli-state.ts';
import { type BottlePaths, bottlePaths, runPaths } from '../../src/bottles/directory.ts';
import type { LaunchRequest } from '../../src/bottles/host.ts';
import { isAlivePid } from '../../src/bottles/liveness.ts';
import type { RunEnd } from '../../src/domain/run.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { StandInCli } from '../support/bot-bottle-cli/stand-in.ts';
import { until } from '../support/until.ts';
import {
  credentials,
  giveCredentials,
  HostFixture,
  never,
  ordered,
  Recorder,
} from './host-fixture.ts';

let cli: StandInCli;
let fixture: HostFixture;

beforeAll(async () => {
  cli = await StandInCli.make();
  fixture = await HostFixture.make({
    backend: createBotBottleCliBackend(cli.settings),
    // For a commit to be over before an agent is asked to end.
    timing: { afterDone: 4_000 },
  });
});

afterEach(() => {
  expect(cli.violations).toEqual([]);
});

afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
  await cli[Symbol.asyncDispose]();
});

/** A run whose agent obeys the lines. */
function asking(lines: readonly string[], changes: Partial<LaunchRequest> = {}): LaunchRequest {
  return fixture.request('', {
    cli: { agent: 'implementer', bottles: [] },
    prompt: lines.join('\n'),
    ...changes,
  });
}

function resumed(request: LaunchRequest, lines: readonly string[]): LaunchRequest {
  return { ...request, run: request.run + 1, prompt: lines.join('\n') };
}

function pathsOf({ slug }: LaunchRequest): BottlePaths {
  return bottlePaths(fixture.dataDirectory, slug);
}

async function launch(request: LaunchRequest): Promise<void> {
  await fixture.host.launch(request, ordered(request), never);
}

async function launchUntil(text: string, request: LaunchRequest): Promise<void> {
  await launch(request);
  await until(`the agent prints ${text}`, async () =>
    (await fixture.output(request)).includes(text),
  );
}

async function watch(request: LaunchRequest, recorder = new Recorder()): Promise<RunEnd> {
  return await fixture.host.watch(request, giveCredentials, recorder, never);
}

async function killSupervisor(request: LaunchRequest): Promise<void> {
  const journal = await readJournal(runPaths(pathsOf(request).runs, request.run).journal);
  process.kill(journal?.header?.supervisor?.pid ?? 0, 'SIGKILL');
}

function event(name: string, call: object): string {
  return `event ${name} ${JSON.stringify(call)}`;
}

const success = { method: 'signal_done', params: { status: 'success', summary: 'all well' } };

/** As the bottle of a CLI that takes it down with its agent. */
async function takingDown(act: () => Promise<void>): Promise<void> {
  await cli.set('takes down', 1);
  try {
    await act();
  } finally {
    await rm(join(cli.home, 'takes down'));
  }
}

describe('a bottle of the bot-bottle CLI', () => {
  test('is started with the agent, its prompt and our slug as the label', async () => {
    const request = asking(['print hello'], {
      cli: { agent: 'implementer', bottles: ['dev', 'claude'], engine: 'smolmachines' },
    });
    await fixture.run(request);

    expect(cli.calls(request.slug).map(({ argv }) => argv)).toEqual([
      [
        ...['start', 'implementer', '--headless', '--prompt', 'print hello'],
        ...['--bottle', 'dev', '--bottle', 'claude'],
        ...['--label', request.slug, '--backend=smolmachines'],
      ],
    ]);
    expect(await fixture.output(request)).toBe('hello\n');
  });

  test('leaves bottles and engine to the CLI where nothing is said of them', async () => {
    const request = asking(['print hello']);
    await fixture.run(request);

    const argv = ['start', 'implementer', '--headless', '--prompt', 'print hello'];
    expect(cli.calls(request.slug)[0]?.argv).toEqual([...argv, '--label', request.slug]);
  });

  test('is frozen by commit and resumed by the slug that the CLI gave it', async () => {
    const request = asking(['print one']);
    await fixture.run(request);
    await fixture.host.freeze(request.slug);
    await fixture.host.freeze(request.slug);
    const again = resumed(request, ['print two']);
    await fixture.run(again);

    const slug = cli.slugOf(request.slug) ?? '';
    expect(slug).toMatch(/^implementer-/);
    expect(
      cli
        .calls(request.slug)
        .slice(1)
        .map(({ argv }) => argv),
    ).toEqual([
      ['commit', slug],
      ['resume', slug, '--headless', '--prompt', 'print two'],
    ]);
    expect(await fixture.output(again)).toBe('two\n');
  });

  test('ends with the exit code of its agent', async () => {
    const request = asking(['exit 7']);
    expect(await fixture.run(request)).toMatchObject({ outcome: 'exited', exitCode: 7 });
  });

  test('tells why the CLI failed in the CLI’s own words', async () => {
    const request = asking([], { cli: { agent: 'nobody', bottles: [] }, prompt: 'print x' });
    expect(await fixture.run(request)).toMatchObject({
      outcome: 'exited',
      exitCode: 1,
      reason: "no agent 'nobody' in the manifest",
    });
    // Nothing was made: there is nothing to keep.
    await fixture.host.freeze(request.slug);

    const later = resumed(request, ['fail 4 the engine is gone']);
    const mended = { ...later, cli: { agent: 'implementer', bottles: [] } };
    expect(await fixture.run(mended)).toMatchObject({
      exitCode: 4,
      reason: 'the engine is gone',
    });
  });

  test('takes a prompt that is longer than an argument may be, without its middle', async () => {
    const request = asking(['print first', 'ä'.repeat(200_000), 'print last']);
    await fixture.run(request);

    expect(await fixture.output(request)).toBe('first\nlast\n');
  });

  test('gives the forge to the CLI in its environment, at a start and at a resume', async () => {
    const request = asking(['print one']);
    await fixture.run(request);
    await fixture.host.freeze(request.slug);
    await fixture.run({ ...resumed(request, ['print two']), pullRequestNumber: 318 });

    const environments = cli
      .calls(request.slug)
      .filter(({ argv }) => argv[0] !== 'commit')
      .map(({ environment }) => environment);
    const forge = {
      FORGE_GITEA_API: credentials.apiUrl,
      FORGE_OWNER: 'acme',
      FORGE_REPO: 'site',
      FORGE_TOKEN: credentials.token,
      FORGE_ISSUE_NUMBER: '1',
    };
    expect(environments).toMatchObject([
      { ...forge, FORGE_PR_NUMBER: '' },
      { ...forge, FORGE_PR_NUMBER: '318' },
    ]);
  });

  test('has the token neither in an argument nor on the disk', async () => {
    const request = asking(['print ready', event('1', success)]);
    await fixture.run(request);
    await fixture.host.freeze(request.slug);

    const argv = cli.calls(request.slug).flatMap((call) => call.argv);
    expect(argv.join(' ')).not.toContain(credentials.token);
    const files = readdirSync(fixture.dataDirectory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('/runtime'))
      .map((entry) => join(entry.parentPath, entry.name));
    expect(files.some((file) => file.endsWith('bot-bottle.json'))).toBe(true);
    expect(
      files.filter((file) => readFileSync(file, 'latin1').includes(credentials.token)),
    ).toEqual([]);
  });
});

describe('an end', () => {
  test('leaves no process of a CLI that ignores TERM', async () => {
    const request = asking(['ignore-term', 'print ready', 'hang']);
    await launchUntil('ready', request);
    const pid = cli.calls(request.slug)[0]?.pid ?? 0;

    expect(await fixture.host.stop(request, 'watchdog')).toMatchObject({ outcome: 'watchdog' });
    expect(isAlivePid(pid)).toBe(false);
  });

  test.each(['docker', 'smolmachines'] as const)(
    'stops the agent in the hands of %s, which outlives a CLI that is killed',
    async (engine) => {
      const cliRequest = { agent: 'implementer', bottles: [], engine };
      const request = asking(['ignore-term', 'print ready', 'hang'], { cli: cliRequest });
      await launchUntil('ready', request);
      expect(cli.engineSays(request.slug)).toBe('running');
      await fixture.host.stop(request, 'deadline');
      expect(cli.engineSays(request.slug)).toBe('stopped');
    },
  );

  test('stops it also when the supervisor was killed', async () => {
    const request = asking(['print ready', 'hang']);
    await launchUntil('ready', request);
    await killSupervisor(request);
    await until('it is dead', async () => (await fixture.host.probe(request)).state === 'dead');
    await fixture.host.stop(request, 'watchdog');
    expect(cli.engineSays(request.slug)).toBe('stopped');
  });

  test('keeps a bottle that is up before it is ended', async () => {
    await takingDown(async () => {
      const request = asking(['print ready', 'hang']);
      await launchUntil('ready', request);
      await fixture.host.stop(request, 'deadline');

      expect(cli.calls(request.slug).map(({ argv }) => argv[0])).toEqual(['start', 'commit']);
      await fixture.host.freeze(request.slug);
      expect(cli.calls(request.slug).length).toBe(2);
    });
  });

  test('comes to the CLI when its supervisor is killed, and the run is lost', async () => {
    const request = asking(['print ready', 'hang']);
    await launchUntil('ready', request);
    const pid = cli.calls(request.slug)[0]?.pid ?? 0;
    await killSupervisor(request);

    await until('the CLI has ended', () => !isAlivePid(pid));
    expect(await fixture.host.stop(request, 'watchdog')).toMatchObject({ outcome: 'lost' });
  });
});

describe('the CLI’s slug', () => {
  test('is written down while the run goes on', async () => {
    const request = asking(['print ready', 'hang']);
    await launchUntil('ready', request);

    await until('the slug is kept', () => readCliState(pathsOf(request))?.bottle);
    expect(readCliState(pathsOf(request))?.bottle).toEqual({
      slug: cli.slugOf(request.slug),
      engine: 'docker',
    });
    await fixture.host.stop(request, 'cancelled');
  });

  test('is found by the label when its supervisor died before it was written down', async () => {
    const request = asking(['print ready', 'hang']);
    await launchUntil('ready', request);
    await killSupervisor(request);
    const state = readCliState(pathsOf(request));
    if (state === undefined) throw new Error('the bottle has no state');
    await until('it is dead', async () => (await fixture.host.probe(request)).state === 'dead');
    await writeCliState(pathsOf(request), { settings: state.settings, frozen: false });

    await fixture.host.stop(request, 'watchdog');
    await fixture.host.freeze(request.slug);
    await fixture.run(resumed(request, ['print two']));
    const slug = cli.slugOf(request.slug);
    expect(cli.calls(request.slug).map(({ argv }) => argv.slice(0, 2))).toEqual([
      ['start', 'implementer'],
      ['commit', slug],
      ['resume', slug],
    ]);
  });
});

describe('a freeze', () => {
  test.each([
    ['says so', 'was cancelled'],
    ['says nothing', 'there is no image of it'],
  ])(
    'fails when the commit was cancelled and %s, and succeeds when it is repeated',
    async (how, why) => {
      const request = asking(['print hello']);
      await fixture.run(request);
      await cli.set('says so', how === 'says so' ? 1 : 0);
      await cli.set('cancels', 1);

      await expect(fixture.host.freeze(request.slug)).rejects.toThrow(why);
      await fixture.host.freeze(request.slug);
      expect(cli.calls(request.slug).map(({ argv }) => argv[0])).toEqual([
        'start',
        'commit',
        'commit',
      ]);
    },
  );

  test('has nothing to do where the CLI took its container down by itself', async () => {
    await takingDown(async () => {
      const request = asking(['exit 3']);
      await fixture.run(request);
      await fixture.host.freeze(request.slug);
      await fixture.run(resumed(request, ['print two']));
      const commands = cli.calls(request.slug).map(({ argv }) => argv[0]);
      expect(commands).toEqual(['start', 'resume']);
    });
  });

  test('of another engine fails when the commit fails or was cancelled', async () => {
    const request = asking(['print hello'], {
      cli: { agent: 'implementer', bottles: [], engine: 'smolmachines' },
    });
    await fixture.run(request);
    await cli.set('says so', 1);
    await cli.set('cancels', 1);
    await expect(fixture.host.freeze(request.slug)).rejects.toThrow('it was cancelled');
    await cli.set('commits badly', 1);
    await expect(fixture.host.freeze(request.slug)).rejects.toThrow('smolvm pack failed');
    await fixture.host.freeze(request.slug);
  });

  test('does not take the image of an earlier run for this one’s', async () => {
    const request = asking(['print one']);
    await fixture.run(request);
    await fixture.host.freeze(request.slug);
    await fixture.run(resumed(request, ['print two']));
    await cli.set('says so', 0);
    await cli.set('cancels', 1);

    await expect(fixture.host.freeze(request.slug)).rejects.toThrow('still the one of before');
    await fixture.host.freeze(request.slug);
  });
});

describe('the queue of the CLI’s sidecar', () => {
  const story = [
    event('0001', { method: 'read_issue', params: { number: 1 }, result: {} }),
    event('0002', { method: 'post_comment', params: { number: 1, body: 'x' }, result: { id: 77 } }),
    event('0003', {
      method: 'post_comment',
      params: { number: 9, body: 'x' },
      error: { name: 'ForgeScopeError', message: '#9 is not yours' },
    }),
    event('0004', {
      method: 'open_pr',
      params: { title: 't', body: '' },
      result: { number: 318 },
    }),
    'event 0005 not json',
  ];

  test('becomes the op log, the pull request, the comments and the end', async () => {
    const recorder = new Recorder();
    const request = asking([...story, event('0006', success), 'hang']);
    await launch(request);
    const end = await watch(request, recorder);

    expect(end).toMatchObject({ outcome: 'done', done: success.params });
    expect(recorder.recorded).toMatchObject([
      { sequence: 1, operation: 'read_issue', target: '#1', outcome: 'ok' },
      { sequence: 2, operation: 'post_comment', target: '#1', outcome: 'ok' },
      {
        sequence: 3,
        operation: 'post_comment',
        outcome: 'rejected',
        reason: 'ForgeScopeError: #9 is not yours',
      },
      { sequence: 4, operation: 'open_pr', outcome: 'ok' },
      { sequence: 5, operation: 'unknown', outcome: 'error' },
      { sequence: 6, operation: 'signal_done', outcome: 'ok' },
    ]);
    expect(recorder.pullRequests).toEqual([318]);
    expect(recorder.comments).toEqual([77]);
    expect(recorder.dones).toEqual([success.params]);
  });

  test('is read to its end when the agent exits at once', async () => {
    const request = asking([event('1', success), 'exit 0']);
    expect(await fixture.run(request)).toMatchObject({ outcome: 'done', done: success.params });
  });

  test('has the bottle kept at signal_done, while it is up', async () => {
    await takingDown(async () => {
      const request = asking([event('1', success), 'wait-for committed', 'exit 0']);
      await launch(request);
      await until('the commit', () => readCliState(pathsOf(request))?.frozen === true);
      await writeFile(join(cli.home, 'committed'), '');
      expect(await watch(request)).toMatchObject({ outcome: 'done', exitCode: 0 });
      await fixture.host.freeze(request.slug);
      expect(cli.calls(request.slug).map(({ argv }) => argv[0])).toEqual(['start', 'commit']);
    });
  });

  test('is told once, also to the orchestrator after the one that saw its beginning', async () => {
    const first = new Recorder();
    const request = asking([...story, 'print ready', 'wait-for go on', event('0006', success)]);
    await launchUntil('ready', request);
    const detach = new AbortController();
    const watching = fixture.host
      .watch(request, giveCredentials, first, detach.signal)
      .catch(() => {});
    await until('all of the beginning', () => first.recorded.length === 5);
    detach.abort();
    await watching;

    await writeFile(join(cli.home, 'go on'), '');
    const second = new Recorder(5);
    await fixture.anotherHost().watch(request, giveCredentials, second, never);
    expect(second.recorded).toMatchObject([{ sequence: 6, operation: 'signal_done' }]);
  });

  test('counts as far as it was told when the supervisor dies', async () => {
    const request = asking([...story, event('0006', success), 'hang']);
    await launch(request);
    const { journal } = runPaths(pathsOf(request).runs, 1);
    await until('the done', async () => (await readJournal(journal))?.done);
    await killSupervisor(request);
    await until('it is dead', async () => (await fixture.host.probe(request)).state === 'dead');

    const end = await fixture.host.stop(request, 'watchdog');
    expect(end).toMatchObject({ outcome: 'done', done: success.params });
    const recorder = new Recorder();
    await watch(request, recorder);
    const sequences = recorder.recorded.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    expect(recorder.pullRequests).toEqual([318]);
  });

  test('counts to its end when the supervisor died before it had read it', async () => {
    const request = asking([...story, 'print ready', 'hang']);
    await launchUntil('ready', request);
    const { journal, root } = runPaths(pathsOf(request).runs, 1);
    await until('the beginning', async () => (await readJournal(journal))?.lastSequence === 5);
    await killSupervisor(request);
    await until('it is dead', async () => (await fixture.host.probe(request)).state === 'dead');
    await writeFile(join(root, 'queue', '0006.json'), JSON.stringify(success));

    const end = await fixture.host.stop(request, 'watchdog');
    expect(end).toMatchObject({ outcome: 'done', done: success.params });
    const recorder = new Recorder();
    await watch(request, recorder);
    expect(recorder.recorded.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(recorder.recorded.at(-1)).toMatchObject({ operation: 'signal_done', outcome: 'ok' });
    expect(recorder.dones).toEqual([success.params]);
  });

  test('takes a status that there is not for a partial success', async () => {
    const odd = { method: 'signal_done', params: { status: 'finished', summary: 'well' } };
    const request = asking([event('1', odd)]);
    expect(await fixture.run(request)).toMatchObject({
      done: { status: 'partial', summary: '(status "finished") well' },
    });
  });
});

describe('a destroy', () => {
  test('calls the function that has no command, and may be repeated', async () => {
    const request = asking(['print ready', 'hang']);
    await launchUntil('ready', request);
    const slug = cli.slugOf(request.slug) ?? '';
    const next = fixture.anotherHost();
    expect(await next.list()).toContainEqual({
      slug: request.slug,
      workflowId: request.workflowId,
      livingRun: 1,
    });
    await next.destroy(request.slug);
    await next.destroy(request.slug);

    expect(cli.destroyed).toContain(slug);
    expect(existsSync(join(cli.home, '.bot-bottle/state', slug))).toBe(false);
    expect((await next.list()).map(({ slug }) => slug)).not.toContain(request.slug);
  });

  test('fails when the function does, and keeps what the next try needs', async () => {
    const request = asking(['print hello']);
    await fixture.run(request);
    await cli.set('destroys badly', 1);

    await expect(fixture.host.destroy(request.slug)).rejects.toThrow('compose down failed');
    await fixture.host.destroy(request.slug);
    const slug = cli.slugOf(request.slug);
    expect(cli.destroyed.filter((one) => one === slug).length).toBe(2);
  });

  test('of what is not there does nothing', async () => {
    await fixture.backend.destroy(bottlePaths(fixture.dataDirectory, 'never-was-00000000'));
    expect(cli.violations).toEqual([]);
  });
});

describe('the check', () => {
  test('finds a CLI that is there, by its name or its path', async () => {
    const file = join(cli.home, '..', 'programs', 'cli.py');
    for (const program of ['cli.py', file]) {
      const backend = createBotBottleCliBackend({ ...cli.settings, program });
      expect(await backend.check()).toEqual({ usable: true, limits: [] });
    }
  });

  test('says what is missing, and what to do about it', async () => {
    const none = createBotBottleCliBackend({ ...cli.settings, program: '/nowhere/cli.py' });
    expect(await none.check()).toMatchObject({
      usable: false,
      reason: expect.stringContaining('/nowhere/cli.py') as string,
      fix: expect.stringContaining('BOT_BOTTLE_CLI') as string,
    });

    const alone = join(cli.home, '..', 'alone');
    await mkdir(alone, { recursive: true });
    const program = join(alone, 'cli.py');
    await writeFile(program, await readFile(join(cli.home, '..', 'programs', 'cli.py')), {
      mode: 0o755,
    });
    expect(await createBotBottleCliBackend({ ...cli.settings, program }).check()).toMatchObject({
      usable: false,
      reason: expect.stringContaining('bot_bottle') as string,
    });
  });
});
