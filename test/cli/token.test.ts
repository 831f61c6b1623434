import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addIssue, startSampleServer, type SampleServer } from '../api/sample-server.ts';
import { run } from './orchestrator.ts';

let sample: SampleServer;
let url: string;
beforeAll(async () => {
  sample = await startSampleServer();
  url = await sample.server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => sample.stop());

/** Runs a command against the server, with the token of the data directory unless another is given. */
function orchestrator(args: string, token = sample.token) {
  return run(args.split(' '), { ORCHESTRATOR_URL: url, ORCHESTRATOR_TOKEN: token });
}

describe('token', () => {
  test('create writes the token alone to stdout, and it opens the API', async () => {
    await addIssue(sample.store, 3, { phase: 'frozen' });
    const { code, stdout, stderr } = await orchestrator('token create wall --scope read');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^bbo_[\w-]{43}\n$/);
    expect(stderr).toBe('Token wall (read) counts until it is revoked. It is not shown again.\n');
    const token = stdout.trim();
    expect((await orchestrator('status', token)).stdout).toContain('acme/rocket#3');
    const refused = await orchestrator('freeze acme/rocket#3', token);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('The token wall may only read.');
  });

  test('create says until when it counts, and --json has all', async () => {
    const { stderr } = await orchestrator('token create guest --expires 2d');
    expect(stderr).toMatch(/^Token guest \(write\) counts until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\./);
    const { stdout } = await orchestrator('token create other --json');
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'other',
      scope: 'write',
      expiresAt: null,
      token: expect.stringMatching(/^bbo_/),
    });
  });

  test('list shows what they may and when they were used, and no token', async () => {
    const { stdout: token } = await orchestrator('token create ci');
    const { stdout } = await orchestrator('token list');
    expect(stdout).toMatch(/^NAME +SCOPE +CREATED +USED +EXPIRES$/m);
    expect(stdout).toMatch(/^ci +write +\d+s ago +never +never$/m);
    await orchestrator('status', token.trim());
    expect((await orchestrator('token list')).stdout).toMatch(/^ci +write +\d+s ago +\d+s ago/m);
    const { stdout: json } = await orchestrator('token list --json');
    expect(json).not.toContain(token.trim());
    expect(JSON.parse(json).tokens).toContainEqual(
      expect.objectContaining({ name: 'ci', expired: false }),
    );
  });

  test('revoke ends one', async () => {
    const { stdout } = await orchestrator('token create short-lived');
    expect(await orchestrator('token revoke short-lived')).toMatchObject({
      code: 0,
      stdout: 'Token short-lived counts no more.\n',
    });
    const refused = await orchestrator('status', stdout.trim());
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('refuses the token');
    expect(await orchestrator('token revoke short-lived')).toMatchObject({ code: 3, stdout: '' });
  });

  test.each([
    ['token create', 2],
    ['token create x --scope all', 2],
    ['token create x --expires soon', 2],
    ['token create no/name', 1],
    ['token revoke', 2],
  ])('%s ends with %i', async (args, code) => {
    expect(await orchestrator(args)).toMatchObject({ code, stdout: '' });
  });
});

test('lists longer than a page are shown whole', async () => {
  const life = await addIssue(sample.store, 9, { title: 'A long op log' });
  await sample.store.operations.append(
    life.slug,
    1,
    Array.from({ length: 1_001 }, (_, index) => ({
      sequence: index + 1,
      at: 1,
      operation: 'post_comment' as const,
      target: '#9',
      argumentsDigest: 'a'.repeat(64),
      argumentsShort: '{}',
      outcome: 'ok' as const,
      durationMs: 1,
    })),
  );
  const { stdout } = await orchestrator('show acme/rocket#9 --json');
  expect(JSON.parse(stdout).operations).toHaveLength(1_001);
});
