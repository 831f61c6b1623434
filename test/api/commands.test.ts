import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WorkflowsUnavailableError } from '../../src/api/issue-commands.ts';
import {
  addIssue,
  sampleRepository,
  startSampleServer,
  type SampleServer,
} from './sample-server.ts';

let sample: SampleServer;
beforeEach(async () => {
  sample = await startSampleServer();
  await addIssue(sample.store, 3, { phase: 'running' });
});
afterEach(() => sample.stop());

function post(path: string, payload?: object) {
  return sample.server.inject({
    method: 'POST',
    url: `/api/v1/issues/acme/rocket/${path}`,
    headers: sample.authorization,
    ...(payload && { payload }),
  });
}

describe('a command', () => {
  test.each(['approve', 'freeze', 'resume', 'retry', 'destroy'])(
    '%s is accepted with the phase, without a body',
    async (type) => {
      const answer = await post(`3/${type}`);
      expect(answer.statusCode).toBe(202);
      expect(answer.json()).toEqual({ phase: 'freezing' });
      expect(sample.temporal.sent).toEqual([
        { issue: 'acme/rocket#3', command: { type, by: 'api' } },
      ]);
    },
  );

  test('extend carries its duration, and whoever asks their name beside that of their token', async () => {
    const answer = await post('3/extend', { seconds: 90, by: 'alice' });
    expect(answer.statusCode).toBe(202);
    expect(sample.temporal.sent[0]?.command).toEqual({
      type: 'extend',
      by: 'alice (token api)',
      byMs: 90_000,
    });
  });

  test.each([
    ['3/extend', undefined, 'body'],
    ['3/extend', {}, 'body/seconds'],
    ['3/extend', { seconds: 0 }, 'body/seconds'],
    ['3/extend', { seconds: 1.5 }, 'body/seconds'],
    ['3/freeze', { by: 'a\nb' }, 'body/by'],
    ['3/freeze', { by: '' }, 'body/by'],
    ['0/freeze', undefined, 'params/number'],
  ])('%s with %j is 400, names %s, and reaches nobody', async (path, payload, at) => {
    const answer = await post(path, payload);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors[0].at).toBe(at);
    expect(sample.temporal.sent).toEqual([]);
  });

  test('is refused with 409 and the reason', async () => {
    sample.temporal.answer = { answer: 'refused', reason: 'nothing runs' };
    const answer = await post('3/freeze');
    expect(answer.statusCode).toBe(409);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ title: 'Conflict', status: 409, detail: 'nothing runs' });
  });

  test('without an open workflow is 409, and says what begins another life', async () => {
    sample.temporal.answer = { answer: 'no-workflow' };
    const answer = await post('3/freeze');
    expect(answer.statusCode).toBe(409);
    expect(answer.json().detail).toMatch(/`retry` begins another life/);
  });

  test('for an issue nobody knows is 404', async () => {
    sample.temporal.answer = { answer: 'no-workflow' };
    expect((await post('99/freeze')).statusCode).toBe(404);
  });

  test('retry may begin the first life of an issue in a known repository', async () => {
    sample.temporal.answer = { answer: 'accepted', phase: 'queued' };
    expect((await post('99/retry')).json()).toEqual({ phase: 'queued' });
  });

  test('is 503 while Temporal is away', async () => {
    sample.temporal.answer = new WorkflowsUnavailableError('Temporal at localhost:7233 is away');
    const answer = await post('3/freeze');
    expect(answer.statusCode).toBe(503);
    expect(answer.json().detail).toBe('Temporal at localhost:7233 is away');
  });

  test("reaches a renamed repository's workflow, which has the first-seen name", async () => {
    await sample.store.repositories.see({ ...sampleRepository, name: 'spaceship' });
    const answer = await sample.server.inject({
      method: 'POST',
      url: '/api/v1/issues/acme/spaceship/3/freeze',
      headers: sample.authorization,
    });
    expect(answer.statusCode).toBe(202);
    expect(sample.temporal.sent[0]?.issue).toBe('acme/rocket#3');
  });
});
