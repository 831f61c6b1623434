import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WorkflowsUnavailableError } from '../../src/api/issue-commands.ts';
import { settings } from '../../src/config/schema.ts';
import type { IssueView } from '../../src/api/views/issue.ts';
import { addIssue, addRun, startSampleServer, type SampleServer } from '../api/sample-server.ts';
import { until } from '../support/until.ts';
import { run, runOnTerminal, start } from './orchestrator.ts';

let sample: SampleServer;
let url: string;
beforeAll(async () => {
  sample = await startSampleServer();
  url = await sample.server.listen({ host: '127.0.0.1', port: 0 });
  const life = await addIssue(sample.store, 3, {
    phase: 'frozen',
    title: 'Add a countdown\u001b[2J',
    prNumber: 4,
    attention: 'run 1 was silent',
    lastCheckinAt: Date.now() - 5000,
  });
  await addRun(sample.store, life, 1, {
    outcome: 'watchdog',
    reason: 'silent for 30 minutes',
    endedAt: Date.UTC(2026, 0, 1, 0, 3, 20),
  });
  await sample.store.operations.append(
    life.slug,
    1,
    Array.from({ length: 12 }, (_, index) => ({
      sequence: index + 1,
      at: Date.UTC(2026, 0, 1),
      operation: 'post_comment' as const,
      target: `#${index + 1}`,
      argumentsDigest: 'a'.repeat(64),
      argumentsShort: '{}',
      outcome: 'rejected' as const,
      reason: 'out of scope',
      durationMs: 1,
    })),
  );
});
afterAll(() => sample.stop());

/** Runs a command against the server. */
function orchestrator(...args: string[]) {
  return run(args, access());
}

function access(): Record<string, string> {
  return { ORCHESTRATOR_URL: url, ORCHESTRATOR_TOKEN: sample.token };
}

describe('status', () => {
  test('prints the table, and what needs attention', async () => {
    const { code, stdout, stderr } = await orchestrator('status');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^ISSUE .*\nacme\/rocket#3 +implementer +frozen +\d+s +\d+s ago +#4 +acme-rocket-3-00000001$/m,
    );
    expect(stdout).toContain('Needs attention\nacme/rocket#3  run 1 was silent\n');
    expect(stdout).not.toContain('\u001b');
  });

  test('--json is what the API says', async () => {
    const { stdout } = await orchestrator('status', '--json', '--all');
    const answer = await fetch(`${url}/api/v1/issues`, { headers: sample.authorization });
    const { issues } = (await answer.json()) as { issues: unknown };
    expect(JSON.parse(stdout)).toEqual({ issues });
  });
});

describe('options that every command has', () => {
  test('-o json is --json', async () => {
    const { stdout } = await orchestrator('show', 'acme/rocket#3', '-o', 'json');
    expect(stdout).toBe((await orchestrator('show', 'acme/rocket#3', '--json')).stdout);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'acme/rocket#3' });
  });

  test('--time iso tells times as they are in JSON, to the second', async () => {
    const [shown] = (
      JSON.parse((await orchestrator('status', '--json')).stdout) as { issues: IssueView[] }
    ).issues;
    const since = shown?.since.replace(/\.\d+Z$/, 'Z');
    expect((await orchestrator('status', '--time', 'iso')).stdout).toContain(`  ${since}  `);
    const { stdout } = await orchestrator('show', 'acme/rocket#3', '--time', 'iso');
    expect(stdout).toMatch(/^phase +frozen since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/m);
    expect(stdout).toMatch(/^1 +watchdog .* 2026-01-01T00:00:00Z +targeted/m);
  });

  test('--color always colours what goes elsewhere, but not JSON', async () => {
    const { stdout } = await orchestrator('status', '--color', 'always');
    expect(stdout).toContain('\u001b[34mfrozen\u001b[39m');
    const json = await orchestrator('status', '--color', 'always', '--json');
    expect(json.stdout).not.toContain('\u001b');
  });

  test('a terminal has colours, unless somebody does not want them', async () => {
    const on = (environment: Record<string, string>) =>
      runOnTerminal(['status'], { ...access(), ...environment }, { at: 'nothing', answer: '' });
    expect((await on({})).raw).toContain('\u001b[34mfrozen');
    expect((await on({ NO_COLOR: '1' })).raw).not.toContain('\u001b');
  });

  test('--token is the token, before the environment', async () => {
    const { code } = await run(['status', '--token', sample.token], {
      ...access(),
      ORCHESTRATOR_TOKEN: 'wrong',
    });
    expect(code).toBe(0);
    const refused = await orchestrator('status', '--token', 'wrong');
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/token from --token\./),
    });
    expect(refused.stderr).not.toContain('wrong');
  });
});

describe('a number alone', () => {
  test('is the issue that has it', async () => {
    const { code, stdout } = await orchestrator('show', '3', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'acme/rocket#3' });
  });

  test('is told by its whole name where something is done to it', async () => {
    sample.temporal.answer = { answer: 'accepted', phase: 'freezing' };
    const { stdout } = await orchestrator('freeze', '#3');
    expect(stdout).toMatch(/^acme\/rocket#3 is being frozen/);
  });

  test('of no known issue is 3', async () => {
    expect(await orchestrator('logs', '99')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('`orchestrator status --all` lists'),
    });
  });

  test('of several issues is 2, and nothing is done', async () => {
    const before = sample.temporal.sent.length;
    const { firstSeen } = await sample.store.repositories.see({
      forgeHost: 'gitea.example',
      id: 8,
      owner: 'acme',
      name: 'lander',
    });
    await sample.store.issues.beginLife({
      issue: { repository: firstSeen, number: 6 },
      workflowId: 'issue/gitea.example/acme/lander/6',
      life: 1,
      slug: 'acme-lander-6-00000001',
      title: 'Land',
      url: 'https://gitea.example/acme/lander/issues/6',
      agentName: 'implementer',
      bottleNames: ['node'],
      backendName: 'local',
      agentGitUser: 'bot',
      branch: 'bot-bottle/issue-6',
      prNumber: undefined,
      beganAt: Date.now(),
    });
    await addIssue(sample.store, 6);
    const { code, stderr } = await orchestrator('destroy', '6', '--yes');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: 6 is the number of several issues: /);
    expect(stderr).toMatch(/acme\/lander#6/);
    expect(stderr).toMatch(/acme\/rocket#6/);
    expect(sample.temporal.sent).toHaveLength(before);
    const { stdout } = await orchestrator('status', '--repository', 'Acme/Lander');
    expect(stdout).toMatch(/^ISSUE .*\nacme\/lander#6 .*\n$/);
  });
});

describe('show', () => {
  test('prints the facts, the runs, the timeline and the tail of the op log', async () => {
    sample.temporal.workflowStatus = {
      deadlineAt: Date.now() + 3_630_000,
      unreadComments: 1,
      held: true,
      awaitsApproval: true,
    };
    sample.temporal.entries = [{ at: Date.UTC(2026, 0, 1), text: 'targeted by alice' }];
    const { code, stdout } = await orchestrator('show', 'acme/rocket#3');
    expect(code).toBe(0);
    for (const line of [
      /^acme\/rocket#3 {2}Add a countdown\[2J$/m,
      /^https:\/\/gitea\.example\/acme\/rocket\/issues\/3$/m,
      /^phase +frozen for \d+s$/m,
      /^attention +run 1 was silent$/m,
      /^pull request +#4 {2}https:\/\/gitea\.example\/acme\/rocket\/issues\/4$/m,
      /^deadline +in 1h$/m,
      /^unread +1 comment$/m,
      /^held /m,
      /^approval +`orchestrator approve` lets it begin$/m,
      /^1 +watchdog +- +3m 20s +\d.* ago +targeted +silent for 30 minutes$/m,
      /^\d.* ago {2}targeted by alice$/m,
      /^Operations \(the last 10 of 12\)$/m,
      /^1 +12 .* post_comment +#12 +rejected +out of scope$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(stdout).not.toMatch(/^1 +2 .*post_comment/m);
  });

  test('prints what each run used of its model and its budget, and what the issue did', async () => {
    const life = await addIssue(sample.store, 5, { phase: 'parked' });
    await sample.store.issues.update(life.issue, { parkedUntil: Date.now() + 3_659_000 });
    const usage = {
      requests: 9,
      inputTokens: 1_200,
      outputTokens: 3_400,
      cacheReadTokens: 120_000,
      cacheWriteTokens: 15_000,
    };
    const claude = {
      provider: 'claude',
      model: 'sonnet',
      runBudget: { usd: 5 },
      issueBudget: { usd: 20, tokens: 1_000_000 },
    } as const;
    await addRun(
      sample.store,
      life,
      1,
      {
        outcome: 'exited',
        exitCode: 0,
        failed: true,
        message: 'I gave up.',
        endedAt: Date.UTC(2026, 0, 1, 0, 1),
        usage: { ...usage, costUsd: 1.72 },
        turns: 12,
      },
      1,
      claude,
    );
    await addRun(
      sample.store,
      life,
      2,
      { outcome: 'parked', endedAt: Date.UTC(2026, 0, 1, 0, 2), usage },
      1,
      claude,
    );
    await addRun(sample.store, life, 3);
    const { stdout } = await orchestrator('show', 'acme/rocket#5');
    for (const line of [
      /^phase +parked for /m,
      /^goes on +in 1h$/m,
      /^used +32.4k tokens in, 6.8k out, 240k cached; cost unknown$/m,
      /^1 +exited +0 .* I gave up\.$/m,
      /^RUN +MODEL +TURNS +IN +OUT +CACHED +COST +BUDGET$/m,
      /^1 +claude sonnet +12 +16.2k +3.4k +120k +\$1.72 +34% of \$5$/m,
      /^2 +claude sonnet +- +16.2k +3.4k +120k +unknown +unknown of \$5$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(stdout).not.toMatch(/^3 +script/m);
    await addRun(sample.store, life, 4, undefined, 1, claude);
    const { stdout: later } = await orchestrator('show', 'acme/rocket#5');
    expect(later).toMatch(
      /^used .*; cost unknown; unknown of \$20, 27% of 1M tokens for the issue$/m,
    );
    const { stdout: list } = await orchestrator('status');
    expect(list).toMatch(/^acme\/rocket#5 .* parked for 1h more /m);
  });

  test('takes an address, and --json has the op log whole', async () => {
    const address = 'https://gitea.example/acme/rocket/issues/3';
    const shown = JSON.parse((await orchestrator('show', address, '--json')).stdout);
    expect(shown).toMatchObject({ name: 'acme/rocket#3', runs: [{ outcome: 'watchdog' }] });
    expect(shown.operations).toHaveLength(12);
  });

  test('without Temporal still tells what the store knows', async () => {
    sample.temporal.workflowStatus = new WorkflowsUnavailableError('Temporal is away');
    const { code, stdout } = await orchestrator('show', 'acme/rocket#3');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^timeline +not to be had: Temporal is away$/m);
  });
});

describe('logs', () => {
  test('-f prints what is written as it is written, and ends with the run', async () => {
    const { child, finished } = start(['logs', '-f', 'acme/rocket#3'], access());
    let seen = '';
    child.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await until('the head', () => seen.includes('run 1\n'));
    sample.outputs.write('working\n');
    await until('the line', () => seen.includes('working\n'));
    sample.outputs.end();
    expect(await finished).toMatchObject({ code: 0, stderr: '' });
  });

  test('--json prints an object a line', async () => {
    const { stdout } = await orchestrator('logs', 'acme/rocket#3', '--run', '1', '--json');
    expect(stdout.split('\n')[0]).toBe('{"line":"acme-rocket-3-00000001 run 1"}');
  });

  test('of a run that is not there is 3', async () => {
    const { code, stderr } = await orchestrator('logs', 'acme/rocket#3', '--run', '7');
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: 'error: Life 1 of the issue has no run 7. Its runs: 1.\n',
    });
  });
});

describe('freeze, resume, retry, destroy and extend', () => {
  test.each([
    [['freeze', 'acme/rocket#3'], { type: 'freeze' }, /^acme\/rocket#3 is being frozen/],
    [['resume', 'acme/rocket#3'], { type: 'resume' }, /will resume/],
    [['retry', 'acme/rocket#3'], { type: 'retry' }, /is tried again/],
    [['destroy', '--yes', 'acme/rocket#3'], { type: 'destroy' }, /is being destroyed/],
    [['extend', 'acme/rocket#3', '90m'], { type: 'extend', byMs: 5_400_000 }, /may run 90m longer/],
  ])('%j reaches the workflow, with who asked', async (args, command, told) => {
    sample.temporal.answer = { answer: 'accepted', phase: 'frozen' };
    const { code, stdout } = await orchestrator(...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(told);
    expect(sample.temporal.sent.at(-1)).toEqual({
      issue: 'acme/rocket#3',
      command: { ...command, by: expect.stringMatching(/^[\w-]+ \(token api\)$/) },
    });
  });

  test('--json tells what was accepted', async () => {
    const { stdout } = await orchestrator('freeze', 'acme/rocket#3', '--json');
    expect(JSON.parse(stdout)).toEqual({
      issue: 'acme/rocket#3',
      command: 'freeze',
      accepted: true,
      phase: 'frozen',
    });
  });

  test('a refusal is 1, with the reason on stderr', async () => {
    sample.temporal.answer = { answer: 'refused', reason: 'Nothing runs.' };
    expect(await orchestrator('freeze', 'acme/rocket#3')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'error: Nothing runs.\n',
    });
  });

  test('destroy without --yes asks nobody who is not there', async () => {
    const before = sample.temporal.sent.length;
    expect(await orchestrator('destroy', 'acme/rocket#3')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes'),
    });
    expect(sample.temporal.sent).toHaveLength(before);
  });

  test.each([
    ['y\n', 0, /is being destroyed\./],
    ['\n', 1, /Nothing was destroyed\./],
    ['\u0004', 1, /Nothing was destroyed\./],
    ['\u0003', 130, /\[y\/N\] *$/],
  ])('destroy asks a person at a terminal, who answers %j', async (answer, code, told) => {
    sample.temporal.answer = { answer: 'accepted', phase: 'destroying' };
    const before = sample.temporal.sent.length;
    const finished = await runOnTerminal(['destroy', 'acme/rocket#3'], access(), {
      at: '[y/N]',
      answer,
    });
    expect(finished.code).toBe(code);
    expect(finished.output.trimEnd()).toMatch(told);
    expect(sample.temporal.sent.length - before).toBe(code === 0 ? 1 : 0);
  });

  test('Temporal being away is 5', async () => {
    sample.temporal.answer = new WorkflowsUnavailableError('Temporal is away');
    expect(await orchestrator('freeze', 'acme/rocket#3')).toMatchObject({
      code: 5,
      stderr: 'error: Temporal is away\n',
    });
  });
});

describe('exit codes and messages', () => {
  test.each([
    ['an unknown command', ['explode'], 2, /unknown command 'explode'/],
    ['an unknown option', ['status', '--colour'], 2, /unknown option '--colour'/],
    [
      'a name that is none',
      ['show', 'rocket'],
      2,
      /"rocket" names no issue\. Write owner\/repo#number/,
    ],
    ['a duration that is none', ['extend', 'acme/rocket#3', 'soon'], 2, /30m, 4h, 2d/],
    ['a run that is none', ['logs', 'acme/rocket#3', '--run', 'x'], 2, /whole number from 1/],
    ['a phase that is none', ['status', '--phase', 'lost'], 2, /choices are queued, running/],
    [
      'a repository that is none',
      ['status', '--repository', 'rocket'],
      2,
      /names no repository\. Write owner\/repo/,
    ],
    ['a format that is none', ['status', '-o', 'yaml'], 2, /choices are text, json/],
    ['two tokens', ['status', '--token', 'a', '--token-file', 'b'], 2, /cannot be used with/],
    ['a bad --url', ['status', '--url', 'here'], 2, /^error: --url: "here" is not an http/],
    [
      'an unknown issue',
      ['show', 'acme/rocket#99'],
      3,
      /knows no issue acme\/rocket#99\. An issue is taken up/,
    ],
    [
      'nobody there',
      ['status', '--url', 'http://127.0.0.1:1'],
      5,
      /No orchestrator answers at http:\/\/127\.0\.0\.1:1 .*orchestrator run/,
    ],
  ])('%s: %j is %i', async (_, args, code, message) => {
    const finished = await orchestrator(...args);
    expect(finished.code).toBe(code);
    expect(finished.stderr).toMatch(message);
    expect(finished.stderr).not.toMatch(/\n\s+at /);
    expect(finished.stdout).toBe('');
  });

  test('a wrong token is named by where it came from', async () => {
    const { code, stderr } = await run(['status'], { ...access(), ORCHESTRATOR_TOKEN: 'wrong' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/refuses the token from ORCHESTRATOR_TOKEN\./);
    expect(stderr).not.toContain('wrong');
  });

  test('without a token it is said where one comes from', async () => {
    const { code, stderr } = await run(['status'], { ORCHESTRATOR_URL: url });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /\/nonexistent\/\.bot-bottle\/api-token cannot be read \(ENOENT\)\. `orchestrator run` makes it/,
    );
  });

  test("the data directory's token is found by itself", async () => {
    const { code } = await run(['status'], {
      ORCHESTRATOR_URL: url,
      ORCHESTRATOR_DATA_DIR: sample.directory,
    });
    expect(code).toBe(0);
  });

  test("the data directory's token is not sent to another machine", async () => {
    const { code, stderr } = await run(['status', '--url', 'http://192.0.2.7'], {
      ORCHESTRATOR_DATA_DIR: sample.directory,
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(/http:\/\/192\.0\.2\.7 is not this machine's.* with --token-file/);
  });

  test('something that is not the orchestrator, and a redirect, never see what they ask for', async () => {
    const seen: (string | undefined)[] = [];
    const stranger = createServer((request, response) => {
      seen.push(request.url);
      response.writeHead(302, { location: '/elsewhere', 'content-type': 'text/html' }).end('<p>');
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const { port } = stranger.address() as AddressInfo;
    const { code, stderr } = await orchestrator('status', '--url', `http://127.0.0.1:${port}`);
    stranger.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/\(status 302\) is not the orchestrator's API/);
    expect(seen).toEqual(['/api/v1/issues?limit=1000']);
  });

  test('Ctrl-C is 130', async () => {
    const quiet = await startSampleServer();
    await addRun(quiet.store, await addIssue(quiet.store, 3), 1);
    const { child, finished } = start(['logs', '-f', 'acme/rocket#3'], {
      ORCHESTRATOR_URL: await quiet.server.listen({ host: '127.0.0.1', port: 0 }),
      ORCHESTRATOR_TOKEN: quiet.token,
    });
    await until('the stream', () => quiet.outputs.following === 1);
    child.kill('SIGINT');
    expect(await finished).toMatchObject({ code: 130, signal: null, stderr: '' });
    await until('the end of the stream', () => quiet.outputs.following === 0);
    await quiet.stop();
  });

  test('an orchestrator that stops while its log is followed is 5', async () => {
    const brief = await startSampleServer();
    await addRun(brief.store, await addIssue(brief.store, 3), 1);
    const { finished } = start(['logs', '-f', 'acme/rocket#3'], {
      ORCHESTRATOR_URL: await brief.server.listen({ host: '127.0.0.1', port: 0 }),
      ORCHESTRATOR_TOKEN: brief.token,
    });
    await until('the stream', () => brief.outputs.following === 1);
    await brief.stop();
    expect(await finished).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/broke off .*What runs keeps running/),
    });
  });

  test('a reader that has gone is no error', async () => {
    const large = await startSampleServer();
    await addRun(large.store, await addIssue(large.store, 3), 1);
    for (let line = 0; line < 64; line++) {
      large.outputs.write('x'.repeat(16_384));
    }
    const { child, finished } = start(['logs', '-f', 'acme/rocket#3'], {
      ORCHESTRATOR_URL: await large.server.listen({ host: '127.0.0.1', port: 0 }),
      ORCHESTRATOR_TOKEN: large.token,
    });
    await until('the stream', () => large.outputs.following === 1);
    child.stdout?.destroy();
    const code = new Promise((resolve) => child.once('exit', resolve));
    finished.catch(() => {});
    large.outputs.write('x'.repeat(65_536));
    expect(await code).toBe(0);
    await large.stop();
  });
});

describe('run', () => {
  test('says what helps where it cannot listen', async () => {
    const { code, stderr } = await run(['run'], { SAMPLE_LISTEN: new URL(url).port });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: The orchestrator cannot listen on 127\.0\.0\.1, port \d+ \(EADDRINUSE\)\. .*FORGE_WEBHOOK_PORT\.\n$/,
    );
  });

  test('hands its options on', async () => {
    const { code, stdout } = await run(['run', '--insecure-webhooks', '--config', 'a.toml']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ configFile: 'a.toml', insecureWebhooks: true });
  });
});

test('run --help is the reference of all settings', async () => {
  const { stdout } = await run(['run', '--help']);
  for (const { variable } of Object.values(settings)) {
    expect(stdout).toContain(`\n  ${variable} `);
  }
});

describe('--help', () => {
  test.each([
    'run',
    'status',
    'show',
    'logs',
    'approve',
    'freeze',
    'resume',
    'retry',
    'destroy',
    'extend',
  ])('%s has an example', async (command) => {
    const { code, stdout } = await run([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples?:\\n(.*\\n)*.*orchestrator ${command}`));
  });
});

test('settings that are wrong are told one a line, without a stack', async () => {
  const home = mkdtempSync(join(tmpdir(), 'cli-'));
  const { code, stderr } = await run(['status'], {
    HOME: home,
    FORGE_WEBHOOK_PORT: 'x',
    ORCHESTRATOR_X: '1',
  });
  rmSync(home, { recursive: true });
  expect(code).toBe(2);
  expect(stderr.trim().split('\n')).toHaveLength(2);
});
