import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IssueView } from '../../src/api/views/issue.ts';
import { addIssue, startSampleServer, type SampleServer } from '../api/sample-server.ts';
import { until } from '../support/until.ts';
import { run, runOnTerminal, start, type Started } from './orchestrator.ts';

let sample: SampleServer;
let access: Record<string, string>;
let life: Awaited<ReturnType<typeof addIssue>>;
beforeEach(async () => {
  sample = await startSampleServer();
  access = {
    ORCHESTRATOR_URL: await sample.server.listen({ host: '127.0.0.1', port: 0 }),
    ORCHESTRATOR_TOKEN: sample.token,
  };
  life = await addIssue(sample.store, 3, { phase: 'running' });
});
afterEach(() => sample.stop());

/** What the child has printed so far, as whole lines. */
function follow({ child }: Started): { readonly lines: string[] } {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return {
    get lines() {
      return text.split('\n').slice(0, -1);
    },
  };
}

const leave = '\u001b[?25h\u001b[?1049l';

describe('--watch on a terminal', () => {
  test.each([[['status']], [['show', '3']]])(
    '%j is drawn in place on the other screen, and Ctrl-C gives the terminal back',
    async (args) => {
      const { code, output, raw } = await runOnTerminal([...args, '--watch'], access, {
        at: 'acme/rocket#3',
        answer: '\u0003',
      });
      expect(code).toBe(130);
      expect(output).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, every 2 s, Ctrl-C to end/);
      expect(raw.startsWith('\u001b[?1049h')).toBe(true);
      expect(raw.trimEnd().endsWith(leave)).toBe(true);
      // A screen that is cleared first flickers.
      expect(raw).not.toContain('\u001b[2J');
    },
  );

  test('an issue that is not there leaves the terminal as it was', async () => {
    const { code, raw } = await runOnTerminal(['show', 'acme/rocket#4', '--watch'], access, {
      at: 'never',
      answer: '',
    });
    expect(code).toBe(3);
    expect(raw).not.toContain('\u001b[?1049h');
  });
});

test('an error that no waiting mends ends --watch, and is told where it stays', async () => {
  const ended = runOnTerminal(['status', '--watch'], access, { at: 'acme/rocket#3', answer: '' });
  await until('a question', () => sample.log.some((line) => line.includes('/api/v1/issues')));
  const port = new URL(access['ORCHESTRATOR_URL'] ?? '').port;
  await sample.server.close();
  const another = await startSampleServer();
  await another.server.listen({ host: '127.0.0.1', port: Number(port) });
  const { code, raw } = await ended;
  await another.stop();
  expect(code).toBe(1);
  expect(raw.slice(raw.lastIndexOf(leave))).toMatch(
    /error:.*refuses the token from ORCHESTRATOR_TOKEN/,
  );
});

describe('status --watch elsewhere', () => {
  test('prints a line for each issue, and for each change', async () => {
    const started = start(['status', '--watch'], access);
    const seen = follow(started);
    await until('the first line', () => seen.lines.length === 1);
    expect(seen.lines[0]).toMatch(/^\d{4}-.*Z {2}acme\/rocket#3 {2}running$/);
    await sample.store.issues.update(life.issue, { lastCheckinAt: Date.now() });
    await sample.store.issues.update(life.issue, { phase: 'frozen', attention: 'it was silent' });
    await until('the second line', () => seen.lines.length === 2);
    expect(seen.lines[1]).toMatch(/^\d{4}-.*Z {2}acme\/rocket#3 {2}frozen {2}it was silent$/);
    started.child.kill('SIGINT');
    expect(await started.finished).toMatchObject({ code: 130, stderr: '' });
  });

  test('tells once that an issue has left the filter', async () => {
    await addIssue(sample.store, 5, { phase: 'frozen' });
    const started = start(['status', '--watch', '--phase', 'running'], access);
    const seen = follow(started);
    await until('the first line', () => seen.lines.length === 1);
    await sample.store.issues.update(life.issue, { phase: 'parked' });
    await until('the second line', () => seen.lines.length === 2);
    await sample.store.issues.update(life.issue, { phase: 'running' });
    await until('the third line', () => seen.lines.length === 3);
    started.child.kill('SIGINT');
    await started.finished;
    expect(seen.lines.map((line) => line.split('  ').slice(1))).toEqual([
      ['acme/rocket#3', 'running'],
      ['acme/rocket#3', 'parked'],
      ['acme/rocket#3', 'running'],
    ]);
  });

  test('with -o json an object a line, as status --json has them', async () => {
    const started = start(['status', '--watch', '-o', 'json'], access);
    const seen = follow(started);
    await until('the first line', () => seen.lines.length === 1);
    const { stdout } = await run(['status', '--json'], access);
    expect(JSON.parse(seen.lines[0] ?? '')).toEqual(
      (JSON.parse(stdout) as { issues: IssueView[] }).issues[0],
    );
    started.child.kill('SIGINT');
    await started.finished;
  });

  test('ends without an error when its reader has gone', async () => {
    const started = start(['status', '--watch'], access);
    const seen = follow(started);
    await until('the first line', () => seen.lines.length === 1);
    started.child.stdout?.destroy();
    started.finished.catch(() => {});
    const ended = once(started.child, 'exit');
    await sample.store.issues.update(life.issue, { phase: 'frozen' });
    expect(await ended).toEqual([0, null]);
  });
});

describe('show --watch elsewhere', () => {
  test('prints timeline and op log as they grow, and the phase when the workflow is closed', async () => {
    sample.temporal.workflowStatus = {
      deadlineAt: undefined,
      unreadComments: 0,
      held: false,
      awaitsApproval: false,
    };
    sample.temporal.entries = [{ at: Date.UTC(2026, 0, 1), text: 'run 1 started' }];
    const started = start(['show', 'acme/rocket#3', '--watch'], access);
    const seen = follow(started);
    await until('the timeline', () => seen.lines.length === 1);
    await sample.store.operations.append(life.slug, 1, [
      {
        sequence: 1,
        at: Date.UTC(2026, 0, 1, 0, 1),
        operation: 'post_comment',
        target: '#3',
        argumentsDigest: 'a'.repeat(64),
        argumentsShort: '{}',
        outcome: 'rejected',
        reason: 'out of scope',
        durationMs: 1,
      },
    ]);
    await until('the operation', () => seen.lines.length === 2);
    await sample.store.issues.update(life.issue, { phase: 'destroyed' });
    sample.temporal.workflowStatus = undefined;
    await until('the phase', () => seen.lines.length === 3);
    started.child.kill('SIGINT');
    expect((await started.finished).code).toBe(130);
    expect(seen.lines).toEqual([
      '2026-01-01T00:00:00Z  run 1 started',
      '2026-01-01T00:01:00Z  run 1: post_comment #3 rejected out of scope',
      expect.stringMatching(/^\d{4}-.*Z {2}destroyed$/),
    ]);
  });

  test('with --json all of it a line, whenever it has changed', async () => {
    const started = start(['show', 'acme/rocket#3', '--watch', '--json'], access);
    const seen = follow(started);
    await until('the first line', () => seen.lines.length === 1);
    await sample.store.issues.update(life.issue, { phase: 'frozen' });
    await until('the second line', () => seen.lines.length === 2);
    started.child.kill('SIGINT');
    await started.finished;
    const { stdout } = await run(['show', 'acme/rocket#3', '--json'], access);
    expect(JSON.parse(seen.lines[1] ?? '')).toEqual(JSON.parse(stdout));
  });
});

describe('an orchestrator that is away', () => {
  let answering: Server;
  afterEach(() => {
    answering.close();
  });

  /** One that knows no issue. */
  async function answer(port: number): Promise<number> {
    answering = createServer((_, response) => {
      response.setHeader('content-type', 'application/json').end('{"issues":[]}');
    });
    answering.listen(port, '127.0.0.1');
    await once(answering, 'listening');
    return (answering.address() as AddressInfo).port;
  }

  async function goAway(): Promise<void> {
    const closed = once(answering, 'close');
    answering.close();
    answering.closeAllConnections();
    await closed;
  }

  test('comes back, and the watch goes on', async () => {
    const port = await answer(0);
    let asked = 0;
    const { child, finished } = start(['status', '--watch'], {
      ...access,
      ORCHESTRATOR_URL: `http://127.0.0.1:${port}`,
    });
    let complaint = '';
    child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    await once(answering, 'request');
    await goAway();
    await until('the complaint', () => complaint.endsWith('\n'));
    expect(complaint).toMatch(/^waiting: No orchestrator answers at .*orchestrator run/);
    await answer(port);
    answering.on('request', () => asked++);
    await until('two more questions', () => asked === 2);
    child.kill('SIGINT');
    expect(await finished).toMatchObject({ code: 130, stderr: complaint });
  });

  test('from the beginning is 5', async () => {
    const port = await answer(0);
    await goAway();
    const url = `http://127.0.0.1:${port}`;
    expect(await run(['status', '--watch', '--url', url], access)).toMatchObject({
      code: 5,
      stdout: '',
      stderr: expect.stringMatching(/^error: No orchestrator answers at .*orchestrator run/),
    });
  });
});
