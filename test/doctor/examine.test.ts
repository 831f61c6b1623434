import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { fail, pass, warn, type Check } from '../../src/doctor/check.ts';
import { examine } from '../../src/doctor/examine.ts';

const fine: Check = { name: 'fine', run: async () => [pass('is fine')] };
const broken: Check = { name: 'broken', run: async () => [fail('is broken', 'Buy another.')] };

test('leaves out what needs a check that has failed, and what needs that in turn', async () => {
  const second: Check = { ...fine, name: 'second', needs: [fine, broken] };
  const third: Check = { ...fine, name: 'third', needs: [second] };
  const results = await examine([fine, broken, second, third], { fix: false });
  expect(
    results.map(({ check, findings }) => [check, findings[0]?.verdict, findings[0]?.seen]),
  ).toEqual([
    ['fine', 'pass', 'is fine'],
    ['broken', 'fail', 'is broken'],
    ['second', 'skipped', 'needs broken'],
    ['third', 'skipped', 'needs second'],
  ]);
});

test('a warning holds back nothing', async () => {
  const odd: Check = { name: 'odd', run: async () => [warn('is odd', 'Get used to it.')] };
  const [, result] = await examine([odd, { ...fine, needs: [odd] }], { fix: false });
  expect(result?.findings).toEqual([pass('is fine')]);
});

test('runs independent checks at the same time and tells of them in their order', async () => {
  const both = Promise.withResolvers<void>();
  let met = 0;
  const meet = async () => {
    if (++met === 2) both.resolve();
    await both.promise;
    return [pass('met')];
  };
  const told: string[] = [];
  await examine(
    [
      { name: 'a', run: async () => (await delay(30), await meet()) },
      { name: 'b', run: meet },
    ],
    { fix: false, onResult: ({ check }) => told.push(check) },
  );
  expect(told).toEqual(['a', 'b']);
});

test('waits for no check longer than its time limit, and tells it that the time is over', async () => {
  let aborted = false;
  const silent: Check = {
    name: 'silent',
    run: (signal) => {
      signal.addEventListener('abort', () => (aborted = true));
      return new Promise(() => undefined);
    },
  };
  const [result] = await examine([silent], { fix: false, timeLimitMs: 50 });
  expect(result?.findings).toMatchObject([{ verdict: 'fail', seen: 'no answer within 0.05 s' }]);
  expect(aborted).toBe(true);
});

test('a check that throws has failed, and the others go on', async () => {
  const bug: Check = { name: 'bug', run: () => Promise.reject(new Error('out of cheese')) };
  const results = await examine([bug, fine], { fix: false });
  expect(results.map(({ findings }) => findings[0]?.verdict)).toEqual(['fail', 'pass']);
  expect(results[0]?.findings[0]?.seen).toBe('out of cheese');
});

test('can be given up at any moment: what is under way is told, and nothing more is begun', async () => {
  const stop = new AbortController();
  let told: unknown;
  const slow: Check = {
    name: 'slow',
    run: (signal) => {
      signal.addEventListener('abort', () => (told = signal.reason));
      stop.abort(new Error('enough'));
      return new Promise(() => undefined);
    },
  };
  const after: Check = { ...fine, needs: [slow], run: () => Promise.reject(new Error('begun')) };
  const examination = examine([slow, after], { fix: false, signal: stop.signal });
  await expect(examination).rejects.toThrow('enough');
  expect(told).toMatchObject({ message: 'enough' });
});

describe('with --fix', () => {
  test('mends what can be, looks again, and goes on with what needed it', async () => {
    let whole = false;
    const mend = async (): Promise<void> => void (whole = true);
    const cup: Check = {
      name: 'cup',
      run: async () => [whole ? pass('is whole') : fail('is broken', 'Glue it.', mend)],
    };
    const tea: Check = { ...fine, name: 'tea', needs: [cup] };
    expect(await examine([cup, tea], { fix: true })).toEqual([
      { check: 'cup', findings: [pass('is whole')], mended: ['is broken'] },
      { check: 'tea', findings: [pass('is fine')], mended: [] },
    ]);
  });

  test('says why it could not be mended, and still what a person can do', async () => {
    const mend = (): Promise<void> => Promise.reject(new Error('there is no glue'));
    const cup: Check = { name: 'cup', run: async () => [fail('is broken', 'Glue it.', mend)] };
    const [result] = await examine([cup], { fix: true });
    expect(result?.findings).toMatchObject([
      { fix: 'It could not be mended: there is no glue. Glue it.' },
    ]);
    expect(result?.mended).toEqual([]);
  });
});
