import { expect, test } from 'vitest';
import { orAborted, waitUntil } from '../../src/demo/wait-until.ts';

const never = new Promise<never>(() => undefined);

test('what was waited for in vain is named', async () => {
  const waiting = waitUntil(
    'the moon',
    { timeoutMs: 1, signal: new AbortController().signal },
    async () => undefined,
  );

  await expect(waiting).rejects.toThrow('waited 0.001 s for the moon, in vain');
});

test('an abort ends the wait with its reason', async () => {
  const stop = new AbortController();
  const waiting = waitUntil('the moon', { timeoutMs: 60_000, signal: stop.signal }, async () => {
    stop.abort(new Error('enough'));
    return undefined;
  });

  await expect(waiting).rejects.toThrow('enough');
});

test('an abort does not wait for work that goes on', async () => {
  const stop = new AbortController();
  const waiting = orAborted(never, stop.signal);
  stop.abort(new Error('enough'));

  await expect(waiting).rejects.toThrow('enough');
  await expect(orAborted(never, stop.signal)).rejects.toThrow('enough');
});
