import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ForgeDeniedError, ForgeUnavailableError } from '../../src/domain/errors.ts';
import { SignalRefusedError, SignalsUnavailableError } from '../../src/inbox/workflow-signals.ts';
import { openStore } from '../../src/store/open-store.ts';
import {
  recordedDeliveries,
  recordedDelivery,
  resigned,
  type RecordedDelivery,
} from '../api/recorded-deliveries.ts';
import type { Store } from '../../src/store/store.ts';
import { freshPath, issueOf } from '../store/fresh-store.ts';
import { until } from '../support/until.ts';
import { setStage } from './stage.ts';

/** An issue event of its own body. */
function issueOpened(number: number, title = `Issue ${number}`): RecordedDelivery {
  const opened = recordedDelivery('01');
  const body = JSON.parse(opened.rawBody) as { number: number; issue: Record<string, unknown> };
  body.number = number;
  body.issue = { ...body.issue, number, title };
  return resigned(opened, JSON.stringify(body));
}

/** Of the recorded deliveries' issue 1. */
async function beginLife(store: Store): Promise<void> {
  await store.issues.beginLife({
    issue: issueOf(1),
    workflowId: 'w',
    life: 1,
    slug: 'acme-widgets-1-00000001',
    title: 'The title of the issue',
    url: 'http://gitea.example/acme/widgets/issues/1',
    agentName: 'demo',
    bottleNames: [],
    backendName: 'local',
    agentGitUser: 'demo',
    branch: 'bot-bottle/issue-1',
    prNumber: 5,
    beganAt: 1,
  });
}

describe('the inbox', () => {
  test('begins a workflow with an issue event, and signals the others', async () => {
    const { deliver, settled, signals } = await setStage();
    for (const number of ['01', '20', '34', '35']) {
      await settled(await deliver(recordedDelivery(number)));
    }
    expect(signals.sent.map(({ start, issue, event }) => [start, issue.number, event])).toEqual([
      [
        true,
        1,
        { signal: 'issue_event', event: { sequence: 1, action: 'opened', sender: 'alice' } },
      ],
      [
        false,
        1,
        {
          signal: 'pr_event',
          event: {
            sequence: 2,
            action: 'opened',
            number: 5,
            branch: 'bot-bottle/issue-1',
            merged: false,
            sender: 'bot',
          },
        },
      ],
      [
        false,
        1,
        { signal: 'pr_event', event: expect.objectContaining({ action: 'closed' }) as object },
      ],
      [
        true,
        1,
        { signal: 'pr_event', event: expect.objectContaining({ action: 'reopened' }) as object },
      ],
    ]);
  });

  test('takes all recorded deliveries of a real Gitea, per issue in their order', async () => {
    const { deliver, settled, signals, store } = await setStage();
    let last = 0;
    for (const delivery of recordedDeliveries) {
      last = Math.max(last, await deliver(delivery));
    }
    await until('all to be settled', async () => {
      const waiting = await store.deliveries.list({ state: 'waiting', limit: 1 });
      return waiting.length === 0;
    });
    await settled(last);
    expect(await store.deliveries.list({ state: 'set-aside', limit: 50 })).toEqual([]);
    for (const number of [1, 2, 3]) {
      const sequences = signals.sequences(number);
      expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
      expect(new Set(sequences).size).toBe(sequences.length);
    }
    const told = signals.sent
      .filter(({ issue }) => issue.number === 1 && issue.repository.name === 'widgets')
      .map(({ event }) => ('action' in event.event ? event.event.action : event.event.author));
    const ofTheIssue = 'opened labelled labelled labelled labelled assigned unassigned edited';
    // Of alice and of bot, whose account a person may share.
    const commentsBelowIt = 'alice bot closed reopened';
    // Without mallory's.
    const ofThePullRequest = 'opened alice bot synchronized closed reopened closed closed';
    expect(told.join(' ')).toBe(`${ofTheIssue} ${commentsBelowIt} ${ofThePullRequest}`);
  });

  test('names the issue by the first-seen name of its repository', async () => {
    const { deliver, settled, signals } = await setStage();
    await settled(await deliver(recordedDelivery('01')));
    const renamed = recordedDelivery('05');
    const body = JSON.parse(renamed.rawBody) as { repository: Record<string, unknown> };
    body.repository = { ...body.repository, name: 'gadgets', full_name: 'acme/gadgets' };
    await settled(await deliver(resigned(renamed, JSON.stringify(body))));
    expect(signals.sent.map(({ issue }) => issue.repository.name)).toEqual(['widgets', 'widgets']);
  });

  test('hears of a label of our own account only where no life was', async () => {
    const { deliver, settled, signals, store } = await setStage();
    const byUs = (time: string): RecordedDelivery => {
      const delivery = recordedDelivery('05');
      const body = JSON.parse(delivery.rawBody) as { sender: object; issue: object };
      body.sender = { ...body.sender, login: 'bot' };
      body.issue = { ...body.issue, updated_at: time };
      return resigned(delivery, JSON.stringify(body));
    };
    await settled(await deliver(byUs('2026-11-21T08:00:00Z')));
    expect(signals.sent).toHaveLength(1);
    await beginLife(store);
    const ignored = await settled(await deliver(byUs('2026-11-21T09:00:00Z')));
    expect(ignored).toMatchObject({
      state: 'ignored',
      reason: expect.stringContaining('our own label') as string,
    });
    await settled(await deliver(recordedDelivery('05')));
    expect(signals.sent).toHaveLength(2);
  });

  test("begins a workflow for a reopened pull request with the issue's own title", async () => {
    const { deliver, settled, signals, store } = await setStage();
    const reopened = recordedDelivery('35');
    await settled(await deliver(reopened));
    await beginLife(store);
    const later = reopened.rawBody.replace('2026-11-21T07:15:35Z', '2026-11-21T08:00:00Z');
    await settled(await deliver(resigned(reopened, later)));
    expect(signals.sent.map(({ title }) => title)).toEqual([
      expect.not.stringMatching('The title of the issue') as string,
      'The title of the issue',
    ]);
  });

  test('records an event of a pull request as ignored when no life is open', async () => {
    const { deliver, settled, signals } = await setStage();
    signals.open = false;
    const settledAs = await settled(await deliver(recordedDelivery('34')));
    expect(settledAs).toMatchObject({ state: 'ignored', reason: 'no life is open' });
  });

  test('keeps the order through an absence of Temporal', async () => {
    const { deliver, settled, signals, delivery, pass } = await setStage();
    let tries = 0;
    signals.before = async () => {
      tries += 1;
      throw new SignalsUnavailableError('connection refused');
    };
    const sequences: number[] = [];
    for (const number of ['01', '05', '09', '20']) {
      sequences.push(await deliver(recordedDelivery(number)));
    }
    const [first = 0, ...others] = sequences;
    for (let attempt = 1; attempt <= 12; attempt++) {
      await until(`attempt ${attempt}`, async () => (await delivery(first)).attempts >= attempt);
      pass(30_000);
    }
    expect((await delivery(first)).reason).toContain('connection refused');
    for (const other of others) {
      expect(await delivery(other)).toMatchObject({ state: 'waiting', attempts: 0 });
    }
    expect(tries).toBeGreaterThanOrEqual(12);
    signals.before = async () => undefined;
    await until('the last to be told', () => {
      pass(30_000);
      return signals.sent.length === sequences.length;
    });
    await settled(others.at(-1) ?? 0);
    expect(signals.sequences(1)).toEqual(sequences);
  });

  test('waits longer after each failure, up to 30 s', async () => {
    const { deliver, signals, delivery, pass, settled, store, clock } = await setStage();
    signals.before = async () => {
      throw new SignalsUnavailableError('away');
    };
    const dueIn = async (ms: number): Promise<number> =>
      (await store.deliveries.nextDue(clock.now + ms, new Set(), 8)).length;
    const sequence = await deliver(recordedDelivery('01'));
    const waits = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
    for (const [failures, waitMs] of waits.entries()) {
      await until('a failure', async () => (await delivery(sequence)).attempts === failures + 1);
      expect(await dueIn(waitMs - 1)).toBe(0);
      expect(await dueIn(waitMs)).toBe(1);
      pass(waitMs);
    }
    signals.before = async () => undefined;
    await until('it to be told', () => {
      pass(30_000);
      return signals.sent.length === 1;
    });
    await settled(sequence);
  });

  test('tries again by itself, also when nobody wakes it', async () => {
    const { deliver, settled, signals, delivery, clock } = await setStage();
    let down = true;
    signals.before = async () => {
      if (down) {
        down = false;
        throw new SignalsUnavailableError('away');
      }
    };
    const sequence = await deliver(recordedDelivery('01'));
    await until('a failure', async () => (await delivery(sequence)).attempts === 1);
    clock.now += 500;
    expect((await settled(sequence)).state).toBe('dispatched');
  });

  test('lets other issues pass one that waits', async () => {
    const { deliver, settled, signals, delivery } = await setStage();
    signals.before = async (issue) => {
      if (issue.number === 1) {
        throw new SignalsUnavailableError('away');
      }
    };
    const waits = await deliver(issueOpened(1));
    const passes = await deliver(issueOpened(2));
    expect((await settled(passes)).state).toBe('dispatched');
    expect((await delivery(waits)).state).toBe('waiting');
  });

  test('sets a refused delivery aside, which holds back nobody', async () => {
    const { deliver, settled, signals } = await setStage();
    signals.before = async (_issue, { event }) => {
      if (event.sequence === 1) {
        throw new SignalRefusedError('exceeded the limit of 10000 signals');
      }
    };
    const refused = await deliver(recordedDelivery('01'));
    const next = await deliver(recordedDelivery('05'));
    expect(await settled(refused)).toMatchObject({
      state: 'set-aside',
      reason: 'SignalRefusedError: exceeded the limit of 10000 signals',
    });
    expect((await settled(next)).state).toBe('dispatched');
  });

  test('sets an error nobody foresaw aside after some tries', async () => {
    const { deliver, signals, delivery, pass } = await setStage();
    signals.before = async () => {
      throw new TypeError('a mistake of ours');
    };
    const sequence = await deliver(recordedDelivery('01'));
    await until('it to be set aside', async () => {
      pass(30_000);
      return (await delivery(sequence)).state === 'set-aside';
    });
    expect(await delivery(sequence)).toMatchObject({ attempts: 8 });
  });

  test.each([
    ['does not answer', new ForgeUnavailableError('502')],
    ['says that the token expired', new ForgeDeniedError('unauthorized', { status: 401 })],
  ])('waits while the forge %s', async (_, error) => {
    const { deliver, settled, signals, forge, delivery, pass } = await setStage();
    forge.before = async () => {
      throw error;
    };
    const sequence = await deliver(recordedDelivery('12'));
    await until('some tries', async () => {
      pass(30_000);
      return (await delivery(sequence)).attempts > 10;
    });
    expect(signals.sent).toEqual([]);
    forge.before = async () => undefined;
    await until('it to be told', () => {
      pass(30_000);
      return signals.sent.length === 1;
    });
    expect((await settled(sequence)).state).toBe('dispatched');
  });

  test('sets a comment aside when the token may not ask about its author', async () => {
    const { deliver, settled, forge } = await setStage();
    forge.before = async (method) => {
      if (method === 'isOrgMember') {
        throw new ForgeDeniedError('token lacks read:organization', { status: 403 });
      }
    };
    expect(await settled(await deliver(recordedDelivery('23')))).toMatchObject({
      state: 'set-aside',
      reason: 'ForgeDeniedError: token lacks read:organization',
    });
  });

  test('ignores a comment, and says why, when the forge does not tell who may write', async () => {
    const { deliver, settled, forge } = await setStage();
    forge.before = async (method) => {
      if (method === 'canWrite') {
        throw new ForgeDeniedError('only administrators may ask', { status: 403 });
      }
    };
    expect((await settled(await deliver(recordedDelivery('23')))).state).toBe('ignored');
  });

  test('ignores who closes or reopens a pull request without the right to write', async () => {
    const { deliver, settled, signals } = await setStage();
    for (const number of ['34', '35']) {
      const recorded = recordedDelivery(number);
      const body = JSON.parse(recorded.rawBody) as { sender: { login: string } };
      body.sender.login = 'mallory';
      const sequence = await deliver(resigned(recorded, JSON.stringify(body)));
      expect(await settled(sequence)).toMatchObject({
        state: 'ignored',
        reason: 'mallory may not write to the repository',
      });
    }
    expect(signals.sent).toEqual([]);
  });

  test('takes an issue that an outsider reopens for an edited one', async () => {
    const { deliver, settled, signals } = await setStage();
    const recorded = recordedDelivery('18');
    const body = JSON.parse(recorded.rawBody) as { sender: { login: string } };
    body.sender.login = 'mallory';
    await settled(await deliver(resigned(recorded, JSON.stringify(body))));
    expect(signals.sent[0]?.event).toMatchObject({ event: { action: 'edited' } });
  });

  test('serves 8 issues at once, each one event at a time', async () => {
    const { deliver, settled, signals } = await setStage();
    const running = new Map<number, number>();
    let most = 0;
    const { promise: gate, resolve: open } = Promise.withResolvers<undefined>();
    signals.before = async ({ number }) => {
      running.set(number, (running.get(number) ?? 0) + 1);
      expect(running.get(number)).toBe(1);
      most = Math.max(most, running.size);
      await gate;
      running.delete(number);
    };
    const sequences: number[] = [];
    for (let number = 1; number <= 12; number++) {
      sequences.push(await deliver(issueOpened(number)));
      sequences.push(await deliver(issueOpened(number, 'again')));
    }
    await until('8 at once', () => running.size === 8);
    open(undefined);
    await Promise.all(sequences.map(settled));
    expect(most).toBe(8);
    expect(signals.sent).toHaveLength(24);
  });

  test('finishes what it has begun, and nothing more, when it is stopped', async () => {
    const { deliver, signals, delivery, inbox } = await setStage();
    const { promise: gate, resolve: open } = Promise.withResolvers<undefined>();
    let begun = false;
    signals.before = async () => {
      begun = true;
      await gate;
    };
    const first = await deliver(recordedDelivery('01'));
    const second = await deliver(recordedDelivery('05'));
    await until('the first to begin', () => begun);
    const stopped = inbox.stop();
    open(undefined);
    await stopped;
    expect((await delivery(first)).state).toBe('dispatched');
    expect((await delivery(second)).state).toBe('waiting');
  });

  test('killed between signal and mark, sends the same sequence number again', async () => {
    const path = freshPath();
    const stage = await setStage(path);
    await stage.inbox.stop();
    const sequence = await stage.deliver(recordedDelivery('01'));
    const log = `${path}.signals`;
    writeFileSync(log, '');
    for (let round = 0; round < 3; round++) {
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'die-after-signal.ts'), path, log],
        { stdio: 'inherit' },
      );
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      expect(signal).toBe('SIGKILL');
    }
    expect(readFileSync(log, 'utf8').trim().split('\n')).toEqual(Array(3).fill(String(sequence)));
    const store = await openStore(path);
    expect(await store.deliveries.list({ limit: 1 })).toMatchObject([
      { sequence, state: 'waiting' },
    ]);
    await store.close();
    stage.inbox.start();
    await stage.settled(sequence);
    expect(stage.signals.sequences(1)).toEqual([sequence]);
  });
});
