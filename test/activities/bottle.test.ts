import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, test } from 'vitest';
import { createHostActivities } from '../../src/activities/bottle.ts';
import type {
  LaunchInput,
  LaunchOutput,
  RunInput,
  WatchOutput,
} from '../../src/activities/inputs.ts';
import { Places } from '../../src/activities/places.ts';
import type { LaunchPlan } from '../../src/agents/catalogue.ts';
import type { BottleHost, LaunchRequest } from '../../src/bottles/host.ts';
import type { BackendName } from '../../src/domain/bottle.ts';
import { ForgeUnavailableError } from '../../src/domain/errors.ts';
import { noUsage } from '../../src/domain/usage.ts';
import { MemoryForge } from '../../src/forges/memory/memory-forge.ts';
import { MemorySite } from '../../src/forges/memory/memory-site.ts';
import { freshStore } from '../store/fresh-store.ts';

const slug = 'acme-widgets-1-00000001';

/** A bottle of an issue, and its launches as a worker runs them, on a host that only notes what it is asked for. */
async function aBottle() {
  const site = new MemorySite();
  const repository = site.addRepository('acme', 'widgets');
  site.grant(repository, 'bot', 'write');
  site.grant(repository, 'alice', 'write');
  const alice = site.person('alice', repository);
  const number = alice.openIssue({ title: 'Add a greeting', body: 'Create hello.txt.' });
  const issue = { repository, number };
  const forge = new MemoryForge(site, 'bot');
  const store = await freshStore();
  const requests: LaunchRequest[] = [];
  const conversations: (string | undefined)[] = [];
  let plan: LaunchPlan = {
    provider: 'claude',
    model: 'sonnet',
    standingPrompt: 'You are careful.',
    command({ session }) {
      conversations.push(session);
      return { argv: ['agent'], environment: {}, files: {} };
    },
    environment: {},
    sandbox: { limits: {}, tools: [] },
    timeLimitMs: undefined,
    egress: [],
    routes: {},
    runBudget: { usd: 5 },
    issueBudget: { usd: 20 },
    digest: 'first',
  };
  const host: Partial<BottleHost> = {
    hostId: 'host',
    list: async () => [],
    begunAt: async () => undefined,
    async launch(_sandbox, order) {
      requests.push(await order.request);
      return { startedAt: 1_000 };
    },
    async watch(_run, _credentials, observer) {
      await observer.session('abc');
      await observer.usage({ ...noUsage, requests: 2 });
      return {
        outcome: 'exited',
        endedAt: 9_000,
        usage: { ...noUsage, requests: 3 },
        turns: 4,
        message: 'A long story.',
        failed: true,
      };
    },
    probe: async () => ({ state: 'alive', lastCheckinAt: 1_000 }),
  };
  const activities = createHostActivities({
    host: host as BottleHost,
    forge,
    store,
    catalogue: {
      names: () => Promise.reject(new Error('no target is judged here')),
      backendOf: async () => 'local',
      sandboxOf: async () => ({ limits: {} }),
      plan: async () => plan,
    },
    credentials: async () => ({ apiUrl: '', login: 'bot', token: '' }),
    places: new Places({ list: async () => [] }, 1),
    signalDone: async () => {},
  });
  let sequence = 0;
  return {
    forge,
    store,
    requests,
    conversations,
    /** What the manifests say from now on. */
    planned(change: Partial<LaunchPlan>) {
      plan = { ...plan, ...change };
    },
    async comment(body: string) {
      const id = alice.comment(number, body);
      await store.comments.record({
        issue,
        on: number,
        kind: 'conversation',
        id,
        author: 'alice',
        sequence: ++sequence,
        verdict: { counts: true },
      });
    },
    /** Delivered as the forge delivers a reply below a line: as a comment of the conversation. */
    async reply(body: string) {
      alice.review(number, { verdict: 'commented', inline: [{ path: 'a.txt', line: 1, body }] });
      const id = (await forge.listComments(repository, number)).at(-1)?.id ?? NaN;
      await store.comments.record({
        issue,
        on: number,
        kind: 'conversation',
        id,
        author: 'alice',
        sequence: ++sequence,
        verdict: { counts: true },
      });
    },
    launch(run: number, backend: BackendName = 'local'): Promise<LaunchOutput> {
      const input: LaunchInput = {
        issue,
        workflowId: 'issue/forge/acme/widgets/1',
        life: {
          number: 1,
          slug,
          branch: 'bot-bottle/issue-1',
          agent: 'demo',
          bottle: 'default',
          backend,
          hostId: 'host',
          title: 'Add a greeting',
          url: '',
        },
        run,
        pullRequest: run === 1 ? undefined : 7,
        cause: 'the issue',
        resumes: run > 1,
        deadlineMs: 1_000,
      };
      return new MockActivityEnvironment().run<
        [LaunchInput],
        LaunchOutput,
        typeof activities.launchBottle
      >(activities.launchBottle, input);
    },
    watch(run: number): Promise<WatchOutput> {
      return new MockActivityEnvironment().run<
        [RunInput],
        WatchOutput,
        typeof activities.watchBottle
      >(activities.watchBottle, { issue, slug, run });
    },
  };
}

describe('a further run', () => {
  test('goes on with the conversation of the one before, and is told what is new', async () => {
    const bottle = await aBottle();
    await bottle.launch(1);
    await bottle.store.runs.session(slug, 1, 'abc');
    await bottle.comment('Use tabs.');
    await bottle.launch(2);
    expect(bottle.conversations).toEqual([undefined, 'abc']);
    expect(bottle.requests[1]?.prompt).toMatch(/^# New comments[^]*Use tabs/);
    expect(bottle.requests[1]?.prompt).not.toContain('Create hello.txt');
  });

  test('is told a reply below a line of code with its file and line', async () => {
    const bottle = await aBottle();
    await bottle.launch(1);
    await bottle.store.runs.session(slug, 1, 'abc');
    await bottle.reply('Use tabs.');
    await bottle.launch(2);
    expect(bottle.requests[1]?.prompt).toMatch(/on `a\.txt` line 1[^]*Use tabs/);
  });

  test('without a conversation is told the whole thread', async () => {
    const bottle = await aBottle();
    await bottle.comment('Use tabs.');
    await bottle.launch(1);
    await bottle.comment('No, spaces.');
    await bottle.launch(2);
    expect(bottle.conversations).toEqual([undefined, undefined]);
    expect(bottle.requests[1]?.prompt).toMatch(
      /^You are careful[^]*Create hello\.txt[^]*Use tabs[^]*# New comments[^]*No, spaces[^]*#7/,
    );
  });

  test('of another program does not take up a conversation that is not its own', async () => {
    const bottle = await aBottle();
    await bottle.launch(1);
    await bottle.store.runs.session(slug, 1, 'abc');
    bottle.planned({ provider: 'codex' });
    await bottle.launch(2);
    expect(bottle.conversations[1]).toBeUndefined();
    expect(bottle.requests[1]?.prompt).toContain('Create hello.txt');
  });

  test('of a script is told what is new: it has no conversation', async () => {
    const bottle = await aBottle();
    bottle.planned({ provider: 'script' });
    await bottle.launch(1);
    await bottle.launch(2);
    expect(bottle.requests[1]?.prompt).toMatch(/^Continue\./);
    expect(bottle.requests[1]?.prompt).not.toContain('Create hello.txt');
  });
});

describe('a watch', () => {
  test('brings conversation, usage and end into the record, and no text into the history', async () => {
    const bottle = await aBottle();
    await bottle.launch(1);
    const { end } = await bottle.watch(1);
    expect(end).toMatchObject({ outcome: 'exited', failed: true });
    expect(JSON.stringify(end)).not.toContain('story');
    expect(await bottle.store.runs.read(slug, 1)).toMatchObject({
      session: 'abc',
      usage: { requests: 3 },
      turns: 4,
      message: 'A long story.',
      failed: true,
    });
  });
});

describe('the record of a run', () => {
  test('has the model, the budgets and the digest of the manifests that it is launched with', async () => {
    const bottle = await aBottle();
    await bottle.launch(1);
    expect(await bottle.store.runs.read(slug, 1)).toMatchObject({
      provider: 'claude',
      model: 'sonnet',
      runBudget: { usd: 5 },
      issueBudget: { usd: 20 },
      manifestDigest: 'first',
    });
  });

  test('has those of the attempt that succeeded, with the prompt of the first', async () => {
    const bottle = await aBottle();
    bottle.planned({
      command: () => {
        throw new ForgeUnavailableError('not yet');
      },
    });
    await expect(bottle.launch(1)).rejects.toThrow('not yet');
    const prompt = await bottle.store.runs.prompt(slug, 1);
    await bottle.comment('Too late for this prompt.');
    bottle.planned({
      command: () => ({ argv: ['agent'], environment: {}, files: {} }),
      digest: 'mended',
    });
    await bottle.launch(1);
    expect(bottle.requests[0]?.prompt).toBe(prompt);
    expect((await bottle.store.runs.read(slug, 1))?.manifestDigest).toBe('mended');
  });
});

describe('a bottle of the bot-bottle CLI', () => {
  test('is asked for with the agent’s name, and prompted with the tools that it brings', async () => {
    const bottle = await aBottle();
    await bottle.launch(1, 'bot-bottle');
    expect(bottle.requests[0]?.cli).toEqual({ agent: 'demo', bottles: [] });
    expect(bottle.requests[0]?.prompt).toContain('`signal_done(status, summary)`');
  });

  test('alone is asked for so', async () => {
    const bottle = await aBottle();
    await bottle.launch(1, 'local');
    expect(bottle.requests[0]?.cli).toBeUndefined();
    expect(bottle.requests[0]?.prompt).toContain('`forge signal-done');
  });
});
