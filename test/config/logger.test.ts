import { expect, test } from 'vitest';
import { createLogger } from '../../src/config/logger.ts';

function logged(log: (logger: ReturnType<typeof createLogger>) => void): string[] {
  const lines: string[] = [];
  log(createLogger({ level: 'info', org: 'robots' }, { write: (line) => void lines.push(line) }));
  return lines;
}

test('every line carries the org, a time and a named level', () => {
  const lines = logged((logger) => logger.child({ slug: 's' }).warn('hello'));
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      org: 'robots',
      slug: 's',
      msg: 'hello',
    },
  ]);
});

test('less severe lines are left out', () => {
  expect(logged((logger) => logger.debug('hello'))).toEqual([]);
});

test.each([
  { authorization: 'hunter2' },
  { token: 'hunter2' },
  { headers: { authorization: 'hunter2', cookie: 'hunter2' } },
  { req: { headers: { authorization: 'hunter2' } } },
  { forge: { token: 'hunter2' }, options: { apiKey: 'hunter2' } },
  { webhook: { secret: 'hunter2' }, user: { password: 'hunter2' } },
  { err: Object.assign(new Error('failed'), { token: 'hunter2' }) },
])('no secret is in a line with %j', (bindings) => {
  const [line] = logged((logger) => logger.error(bindings, 'failed'));
  expect(line).toContain('[Redacted]');
  expect(line).not.toContain('hunter2');
});
