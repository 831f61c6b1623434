import { describe, expect, test } from 'vitest';
import { ForgeDeniedError, ForgeUnavailableError } from '../../src/domain/errors.ts';
import { commentMarker } from '../../src/domain/marker.ts';
import { SignalsUnavailableError } from '../../src/inbox/workflow-signals.ts';
import type { Store } from '../../src/store/store.ts';
import { recordedDelivery, resigned, type RecordedDelivery } from '../api/recorded-deliveries.ts';
import { issueOf } from '../store/fresh-store.ts';
import { until } from '../support/until.ts';
import { setStage } from './stage.ts';

/** A comment of alice's below pull request #5, whose branch is that of issue #1. */
const commentId = 32;
const pullRequest = 5;

function saying(body: string, author = 'alice', number = '21'): RecordedDelivery {
  const delivery = recordedDelivery(number);
  const payload = JSON.parse(delivery.rawBody) as {
    comment: { body: string; user: { login: string } };
    sender: { login: string };
  };
  payload.comment.body = body;
  payload.comment.user.login = author;
  payload.sender.login = author;
  return resigned(delivery, JSON.stringify(payload));
}

async function beginLife(store: Store): Promise<void> {
  await store.issues.beginLife({
    issue: issueOf(1),
    workflowId: 'issue/gitea.example/acme/widgets/1',
    life: 1,
    slug: 'acme-widgets-1-00000001',
    title: 'A greeting',
    url: 'http://gitea.example/acme/widgets/issues/1',
    agentName: 'demo',
    bottleNames: ['default'],
    backendName: 'local',
    agentGitUser: 'bot',
    branch: 'bot-bottle/issue-1',
    prNumber: pullRequest,
    beganAt: 1,
  });
}

describe('a command in a comment', () => {
  test('goes to the workflow with who asked, is answered by a reaction, and wakes no agent', async () => {
    const { deliver, settled, signals, store, forge } = await setStage();
    await beginLife(store);
    const sequence = await deliver(saying('/bottle retry\nand be quick'));
    expect((await settled(sequence)).state).toBe('dispatched');
    expect(signals.commands).toEqual([
      {
        issue: issueOf(1),
        title: 'A greeting',
        command: { type: 'retry', by: 'alice', sequence },
      },
    ]);
    expect(forge.reactions).toEqual([`${commentId} +1`]);
    expect(forge.posted).toEqual([]);
    expect(signals.sent).toEqual([]);
    expect(await store.comments.takeUnread(issueOf(1), 'slug', 1)).toEqual([]);
  });

  test('extend carries its time', async () => {
    const { deliver, settled, signals } = await setStage();
    const sequence = await deliver(saying('/bottle extend 2h'));
    await settled(sequence);
    expect(signals.commands).toMatchObject([
      { command: { type: 'extend', byMs: 7_200_000, by: 'alice', sequence } },
    ]);
  });

  test('that is refused is answered by a reaction and one comment that says why', async () => {
    const { deliver, settled, signals, forge } = await setStage();
    signals.answer = () => ({ answer: 'refused', reason: 'nothing runs: the issue is frozen' });
    await settled(await deliver(saying('/bottle freeze')));
    expect(forge.reactions).toEqual([`${commentId} -1`]);
    expect(forge.posted).toMatchObject([
      {
        on: pullRequest,
        body: expect.stringContaining('refused:** nothing runs: the issue is frozen.'),
      },
    ]);
  });

  test('for which no life is open is told what begins one', async () => {
    const { deliver, settled, signals, store, forge } = await setStage();
    await beginLife(store);
    await store.issues.update(issueOf(1), { phase: 'destroyed' });
    signals.answer = () => ({ answer: 'no-workflow' });
    await settled(await deliver(saying('/bottle freeze')));
    expect(forge.posted[0]?.body).toMatch(/it is destroyed\. `\/bottle retry` begins one/);
  });

  test('that there is not is answered with those that there are', async () => {
    const { deliver, settled, signals, forge } = await setStage();
    await settled(await deliver(saying('/bottle explode')));
    expect(forge.reactions).toEqual([`${commentId} confused`]);
    expect(forge.posted[0]?.body).toMatch(/no such command[^]*`\/bottle extend 2h`/);
    expect(signals.commands).toEqual([]);
  });

  test('help is answered by one comment, and is no command to anybody else', async () => {
    const { deliver, settled, signals, forge } = await setStage();
    await settled(await deliver(saying('/bottle help')));
    expect(forge.posted).toHaveLength(1);
    expect(forge.posted[0]?.body).toMatch(/`\/bottle destroy`/);
    expect(forge.reactions).toEqual([]);
    expect(signals.commands).toEqual([]);
  });

  test('status is answered by what the store knows', async () => {
    const { deliver, settled, store, forge } = await setStage();
    await beginLife(store);
    await store.issues.update(issueOf(1), {
      phase: 'frozen',
      run: 2,
      outcome: 'done',
      attention: 'look at it',
    });
    await settled(await deliver(saying('/bottle status')));
    const body = forge.posted[0]?.body ?? '';
    expect(body).toMatch(/\*\*frozen\*\* since .* UTC, agent `demo`/);
    expect(body).toMatch(/run 2 ended: done[^]*pull request #5[^]*look at it[^]*Look closely\./);
  });

  test('status of an issue that no agent worked on says so', async () => {
    const { deliver, settled, forge } = await setStage();
    await settled(await deliver(saying('/bottle status')));
    expect(forge.posted[0]?.body).toMatch(/No agent has worked on this issue/);
  });

  test.each([
    ['an outsider', saying('/bottle destroy', 'mallory', '23')],
    [
      'an agent, with our marker',
      saying(`/bottle destroy\n\n${commentMarker({ slug: 'a', run: 1, digest: 'd' })}`, 'bot'),
    ],
  ])('by %s is ignored', async (_, delivery) => {
    const { deliver, settled, signals, forge } = await setStage();
    expect((await settled(await deliver(delivery))).state).toBe('ignored');
    expect([signals.commands, signals.sent, forge.posted, forge.reactions]).toEqual([
      [],
      [],
      [],
      [],
    ]);
  });

  test('that a comment becomes by an edit does nothing, and is in no prompt', async () => {
    const { deliver, settled, signals, store } = await setStage();
    await settled(await deliver(recordedDelivery('12')));
    const edited = saying('/bottle destroy', 'alice', '13');
    expect(await settled(await deliver(edited))).toMatchObject({
      state: 'ignored',
      reason: 'a command: no agent reads it',
    });
    expect(signals.commands).toEqual([]);
    expect(await store.comments.takeUnread(issueOf(1), 'slug', 1)).toEqual([]);
  });
});

describe('handled again', () => {
  test('a command that was done and could not be answered is answered, and not done again', async () => {
    const { deliver, settled, signals, forge, pass } = await setStage();
    let away = true;
    forge.before = async (method) => {
      if (method === 'addReaction' && away) {
        throw new ForgeUnavailableError('the line is dead');
      }
    };
    const sequence = await deliver(saying('/bottle extend 2h'));
    await until('the command', () => signals.commands.length === 1);
    away = false;
    await until('the answer', () => {
      pass(30_000);
      return forge.reactions.length === 1;
    });
    expect((await settled(sequence)).state).toBe('dispatched');
    expect(signals.commands).toHaveLength(1);
  });

  test('a refusal stays one, though the command would be accepted now', async () => {
    const { deliver, settled, signals, forge, pass } = await setStage();
    signals.answer = () => ({ answer: 'refused', reason: 'not now' });
    forge.before = async (method) => {
      if (method === 'createComment') {
        signals.answer = () => ({ answer: 'accepted', phase: 'running' });
        forge.before = async () => undefined;
        throw new ForgeUnavailableError('the line is dead');
      }
    };
    const sequence = await deliver(saying('/bottle freeze'));
    await until('the answer', () => {
      pass(30_000);
      return forge.posted.length === 1;
    });
    await settled(sequence);
    expect(signals.commands).toHaveLength(1);
    expect(forge.posted[0]?.body).toContain('not now');
  });

  test('a command whose life has ended since is known to be done', async () => {
    const { deliver, settled, signals, store, forge, pass } = await setStage();
    await beginLife(store);
    signals.answer = () => {
      throw new SignalsUnavailableError('killed before the answer was stored');
    };
    const sequence = await deliver(saying('/bottle destroy'));
    await until('the command', () => signals.commands.length > 0);
    // What the workflow writes down at its end.
    await store.issues.update(issueOf(1), { phase: 'destroyed', lastSequence: sequence });
    signals.answer = () => ({ answer: 'no-workflow' });
    await until('the answer', () => {
      pass(30_000);
      return forge.reactions.length === 1;
    });
    await settled(sequence);
    expect(forge.reactions).toEqual([`${commentId} +1`]);
  });

  test('another delivery of the same comment does not do it again', async () => {
    const { deliver, settled, signals, forge } = await setStage();
    const first = saying('/bottle extend 2h');
    await settled(await deliver(first));
    const again = resigned(first, first.rawBody.replace(/\}$/, ' }'));
    await settled(await deliver(again));
    expect(signals.commands).toHaveLength(1);
    expect(forge.reactions).toEqual([`${commentId} +1`]);
  });

  test('an answer that the forge refuses for good holds back nobody', async () => {
    const { deliver, settled, signals, forge } = await setStage();
    forge.before = async (method) => {
      if (method === 'addReaction') {
        throw new ForgeDeniedError('no right to react', { status: 403 });
      }
    };
    expect((await settled(await deliver(saying('/bottle freeze')))).state).toBe('dispatched');
    expect(signals.commands).toHaveLength(1);
  });
});
