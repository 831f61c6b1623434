import { afterEach, describe, expect, test, vi } from 'vitest';
import { remembered } from '../../src/api/health-check.ts';
import { until } from '../support/until.ts';
import { startSampleServer, type SampleServer } from './sample-server.ts';

let sample: SampleServer;
afterEach(() => sample.stop());

const well = { name: 'store', check: async () => undefined };

describe('/healthz', () => {
  test('answers as long as the process does', async () => {
    sample = await startSampleServer();
    const answer = await sample.server.inject('/healthz');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ status: 'ok', version: '1.2.3' });
  });
});

describe('/readyz', () => {
  test('is 200 when every check is well', async () => {
    sample = await startSampleServer({ checks: [well] });
    const answer = await sample.server.inject('/readyz');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      ready: true,
      checks: [{ name: 'store', ok: true, reason: null }],
    });
  });

  test('is 503 and names each check that is not, with its reason', async () => {
    sample = await startSampleServer({
      checks: [
        well,
        { name: 'temporal', check: async () => 'localhost:7233 refuses connections' },
        { name: 'forge', check: () => Promise.reject(new Error('401: the token is wrong')) },
        {
          name: 'worker',
          check: () => {
            throw new Error('not polling');
          },
        },
      ],
    });
    const answer = await sample.server.inject('/readyz');
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({
      ready: false,
      checks: [
        { name: 'store', ok: true, reason: null },
        { name: 'temporal', ok: false, reason: 'localhost:7233 refuses connections' },
        { name: 'forge', ok: false, reason: '401: the token is wrong' },
        { name: 'worker', ok: false, reason: 'not polling' },
      ],
    });
  });

  test('a check that never answers counts as wrong after 5 s', async () => {
    const check = vi.fn(() => new Promise<undefined>(() => {}));
    sample = await startSampleServer({ checks: [{ name: 'forge', check }] });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const asked = sample.server.inject('/readyz');
    await until('the check', () => check.mock.calls.length === 1);
    vi.advanceTimersByTime(5000);
    vi.useRealTimers();
    const answer = await asked;
    expect(answer.statusCode).toBe(503);
    expect(answer.json().checks[0].reason).toBe('no answer within 5 s');
  });

  test('a check that is remembered asks once in its time, whatever the answer is', async () => {
    const answers = [undefined, 'the forge is away'];
    const check = vi.fn(async () => answers[check.mock.calls.length - 1]);
    sample = await startSampleServer({ checks: [remembered({ name: 'forge', check }, 10_000)] });
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1_000);
    try {
      const ask = async () => (await sample.server.inject('/readyz')).statusCode;
      expect(await Promise.all([ask(), ask()])).toEqual([200, 200]);
      clock.mockReturnValue(10_999);
      expect(await ask()).toBe(200);
      expect(check).toHaveBeenCalledTimes(1);
      clock.mockReturnValue(11_000);
      expect(await ask()).toBe(503);
      expect(await ask()).toBe(503);
      expect(check).toHaveBeenCalledTimes(2);
    } finally {
      clock.mockRestore();
    }
  });
});
