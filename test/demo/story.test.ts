import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { supervisors } from '../support/world.ts';
import { until } from '../support/until.ts';
import { startCommand, type Command } from './command.ts';
import { descendantsOf, isRunning } from './processes.ts';

// A busy machine may need longer than other tests do.
vi.setConfig({ testTimeout: 240_000 });

/** Where a demo's servers run, once the orchestrator is up, and their pids. */
async function lookAt(demo: Command): Promise<{ directory: string; pids: number[] }> {
  await demo.says('The orchestrator is ready');
  const children = descendantsOf(demo.pid);
  const directory = children
    .map(({ cwd = '' }) => cwd)
    .find((cwd) => basename(cwd).startsWith('bot-bottle-demo-'));
  return { directory: directory ?? 'unknown', pids: children.map(({ pid }) => pid) };
}

test('the story is told step by step, does what the texts ask for, and leaves nothing', async () => {
  const demo = await startCommand([
    'demo',
    '--once',
    '--task',
    'Create list.txt with "apples".\nAlso append "See list.txt." to README.md.',
    '--comment',
    'append "pears" to list.txt',
  ]);
  const { directory, pids } = await lookAt(demo);
  await demo.says('frozen');
  const bottles = await supervisors(directory);

  expect(await demo.exitCode, demo.output).toBe(0);

  const steps = [
    /Temporal is up\n +http:/,
    /The orchestrator is ready\n +http:/,
    /1\. alice opens an issue/,
    /Issue #1, .*\n +http:.*\/acme\/widgets\/issues\/1\n/,
    / s {2}queued/,
    /http:.*\/namespaces\/default\/workflows\/issue%2F/,
    / s {2}running: run 1/,
    /agent: read_issue #1/,
    /agent: git_push bot-bottle\/issue-1/,
    /agent: open_pr/,
    /agent: signal_done/,
    / s {2}frozen/,
    /The agent says: created `list\.txt`/,
    /Pull request #2 .*\n +http:/,
    /3\. alice comments/,
    / s {2}running: run 2/,
    /agent: git_push/,
    / s {2}frozen/,
    /Pull request #2 is merged/,
    / s {2}destroyed/,
    /Bottles: none/,
    /git clone http:/,
    /README\.md\n(?:.*\n)* +\| See list\.txt\.\n/,
    /list\.txt\n +\| apples\n +\| pears\n/,
    /The story ended as it should/,
  ];
  expect(demo.output).toMatch(new RegExp(steps.map(({ source }) => source).join('[\\s\\S]*')));
  expect(pids.length).toBeGreaterThanOrEqual(3);
  expect([...pids, ...bottles].filter(isRunning)).toEqual([]);
  expect(existsSync(directory)).toBe(false);
});

test('a task that the agent does not understand ends the story with the reason, and the logs are kept', async () => {
  const demo = await startCommand(['demo', '--once', '--task', 'Paint the bikeshed green']);
  const { directory, pids } = await lookAt(demo);
  onTestFinished(() => rm(directory, { recursive: true, force: true }));

  expect(await demo.exitCode, demo.output).toBe(4);

  expect(demo.output).toMatch(
    /did not end as it should: run 1: the agent reports blocked: not understood: .*Paint the bikeshed green/,
  );
  expect(demo.output).toContain(`The logs are in ${join(directory, 'logs')}`);
  expect(await readdir(directory)).toEqual(['logs']);
  expect(await readdir(join(directory, 'logs'))).toEqual(
    expect.arrayContaining(['bottles', 'gitea.log', 'orchestrator.log', 'temporal.log']),
  );
  expect(pids.filter(isRunning)).toEqual([]);
});

test('Ctrl-C while the agent works leaves nothing', async () => {
  const demo = await startCommand(['demo', '--task', 'wait 600 seconds']);
  const { directory, pids } = await lookAt(demo);
  await demo.says('running: run 1');
  const bottles = await until('the supervisor', async () => {
    const found = await supervisors(directory);
    return found.length > 0 && found;
  });

  demo.child.kill('SIGINT');

  expect(await demo.exitCode).toBe(130);
  expect([...pids, ...bottles].filter(isRunning)).toEqual([]);
  expect(existsSync(directory)).toBe(false);
});

test('what a killed demo leaves is removed by the next one', async () => {
  const killed = await startCommand(['demo', '--once', '--task', 'wait 600 seconds']);
  const { directory, pids } = await lookAt(killed);
  await killed.says('running: run 1');
  // The run may be in what waited for one when the others were looked at.
  const bottles = (await supervisors(directory)).flatMap((supervisor) => [
    supervisor,
    ...descendantsOf(supervisor).map(({ pid }) => pid),
  ]);
  const servers = pids.filter((pid) => !bottles.includes(pid));

  killed.child.kill('SIGKILL');
  await until('its servers to end', () => !servers.some(isRunning));
  const next = await startCommand(['demo']);
  await next.says('An issue becomes');
  next.child.kill('SIGINT');

  expect(await next.exitCode).toBe(130);
  expect(bottles.filter(isRunning)).toEqual([]);
  expect(existsSync(directory)).toBe(false);
});

test('an empty task is a mistake of usage', async () => {
  const demo = await startCommand(['demo', '--task', ' ']);

  expect(await demo.exitCode).toBe(2);
  expect(demo.output).toContain('--task');
});
