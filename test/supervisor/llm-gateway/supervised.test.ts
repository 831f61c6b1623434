import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Server, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bottlePaths, runPaths } from '../../../src/bottles/directory.ts';
import type { LaunchOrder, LaunchRequest, LlmAccess } from '../../../src/bottles/host.ts';
import type { RunEnd } from '../../../src/domain/run.ts';
import { noUsage } from '../../../src/domain/usage.ts';
import { readJournal } from '../../../src/journal/reader.ts';
import { credentials, HostFixture, never, Recorder } from '../../bottles/host-fixture.ts';
import { readEntries } from '../../journal/read-entries.ts';
import { until } from '../../support/until.ts';
import { event, key, listen, portOf, prices, sendEvents, sendJson, streams } from './stand.ts';

/** What the agents of these tests ask with; prints the status, and the answer to a file. */
const ask = `ask() {
  curl -sS -o answer -w '%{http_code}\\n' http://127.0.0.1:3128/llm/main/v1/messages \\
    -H 'x-api-key: dummy' -H 'content-type: application/json' -d '{"model":"m","stream":true}'
  cat answer
}`;

describe('a run with a model', () => {
  let fixture: HostFixture;
  let server: Server;
  let model: (response: ServerResponse) => void;
  beforeAll(async () => {
    fixture = await HostFixture.make();
    server = await listen((request, response) => {
      request.resume();
      model(response);
    });
  });
  afterEach(() => {
    model = (response) => sendEvents(response, streams['anthropic-messages']);
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    server.close();
    server.closeAllConnections();
  });

  function request(
    script: string,
    access: Partial<LlmAccess> = {},
    host: HostFixture = fixture,
  ): LaunchRequest {
    return host.request(`${ask}\n${script}`, {
      llm: {
        routes: {
          main: {
            protocol: 'anthropic-messages',
            upstream: `http://127.0.0.1:${portOf(server)}`,
            auth: 'x-api-key',
            prices,
            remoteTools: false,
          },
        },
        spentBefore: noUsage,
        ...access,
      },
    });
  }

  const given = async () => ({ ...credentials, modelKeys: { main: key } });
  const order = (asked: LaunchRequest): LaunchOrder => ({
    source: given().then((told) => ({ repository: asked.repository, credentials: told })),
    request: Promise.resolve(asked),
  });

  async function run(asked: LaunchRequest, { host } = fixture): Promise<RunEnd> {
    await host.launch(asked, order(asked), never);
    return await host.watch(asked, given, new Recorder(), never);
  }

  const runOf = ({ slug }: LaunchRequest) =>
    runPaths(bottlePaths(fixture.dataDirectory, slug).runs, 1);

  test('has its usage in the journal and at its end', async () => {
    model = (response) => sendEvents(response, streams['anthropic-messages']);
    const asked = request('ask; ask');
    const end = await run(asked);
    const usage = {
      requests: 2,
      inputTokens: 1400,
      outputTokens: 100,
      cacheReadTokens: 400,
      cacheWriteTokens: 200,
      costUsd: 2 * 0.00142,
    };
    expect(await fixture.output(asked)).toMatch(/^200\n[^]*message_stop[^]*\n200\n/);
    expect(end).toMatchObject({ outcome: 'exited', exitCode: 0, usage });
    const entries = (await readEntries(runOf(asked).journal)).filter(
      ({ type }) => type === 'usage',
    );
    expect(entries).toMatchObject([{ usage: { requests: 1 } }, { usage }]);
  });

  test('that only hung up early has its usage all the same', async () => {
    model = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(streams['anthropic-messages'][0]);
      setTimeout(() => response.end(streams['anthropic-messages'].slice(1).join('')), 1_500);
    };
    const end = await run(request('ask & sleep 1'));
    expect(end.usage).toMatchObject({ requests: 1, outputTokens: 50, costUsd: 0.00142 });
  });

  /** Prints what Claude Code prints, whoever does it. */
  const say = (event: object): string => `cat <<'END'\n${JSON.stringify(event)}\nEND\n`;
  const limited = (resetsAt: number): string =>
    say({ type: 'rate_limit_event', rate_limit_info: { status: 'rejected', resetsAt } });
  const signalDone = `curl -sS http://127.0.0.1:3128/rpc -d '{"jsonrpc":"2.0","id":1,"method":"signal_done","params":{"status":"success","summary":"all well"}}'\n`;
  const inOneHour = (): number => Math.round(Date.now() / 1000) + 3600;

  test('is parked when its program says that the limit is reached, unless it was done', async () => {
    const parked = { ...request(limited(inOneHour())), provider: 'claude' } as const;
    expect(await run(parked)).toMatchObject({
      outcome: 'parked',
      parkedUntil: expect.closeTo(Date.now() + 3_600_000, -5),
    });
    const done = { ...request(signalDone + limited(inOneHour())), provider: 'claude' } as const;
    const end = await run(done);
    expect(end).toMatchObject({ outcome: 'done', done: { summary: 'all well' } });
    expect(end).not.toHaveProperty('parkedUntil');
  });

  test('believes no program that a limit lasts for ever, and cuts what it says of its failure', async () => {
    const failed = { type: 'result', is_error: true, result: 'no '.repeat(10_000) };
    const asked = { ...request(limited(1e300) + say(failed)), provider: 'claude' } as const;
    const end = await run(asked);
    expect(end).toMatchObject({ outcome: 'exited', failed: true });
    expect(end.reason?.length).toBe(1_000);
    expect(end).not.toHaveProperty('parkedUntil');
  });

  test.each([
    [0.5, {}, 0.5],
    [-500, {}, undefined],
    [0.5, { issueBudget: { usd: 1 } }, undefined],
  ])(
    'of unknown price is said to have cost %d by its program, with the budgets %j: %s counts',
    async (costUSD, budgets, counted) => {
      // It breaks off, so that the gateway does not know what it cost.
      model = (response) => sendEvents(response, streams['anthropic-messages'].slice(0, 1));
      const result = say({ type: 'result', model_usage_since_last_result: { m: { costUSD } } });
      const end = await run({ ...request(`ask\n${result}`, budgets), provider: 'claude' });
      expect(end.usage?.requests).toBe(1);
      expect(end.usage?.costUsd).toBe(counted);
    },
  );

  test('never sees the key', async () => {
    model = (response) =>
      sendJson(response, 403, { error: { message: `the key ${key} is blocked` } });
    const asked = request(
      `ask
      env; cat /proc/*/environ /proc/*/cmdline /proc/*/maps 2>/dev/null | tr '\\0' '\\n'
      cat /run/prompt.md; find / -xdev -type f -newer /run/prompt.md -exec cat {} + 2>/dev/null
      echo looked`,
    );
    await run(asked);
    const output = await fixture.output(asked);
    expect(output).toContain('the key [redacted] is blocked');
    expect(output).toContain('looked');
    expect(output).not.toContain(key);
    const { root } = bottlePaths(fixture.dataDirectory, asked.slug);
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .map((name) => join(root, name))
      .filter((path) => statSync(path).isFile());
    expect(files.length).toBeGreaterThan(5);
    expect(files.filter((path) => readFileSync(path).includes(key))).toEqual([]);
  });

  test('is stopped and parked at a limit whose end is known', async () => {
    model = (response) =>
      sendJson(response, 429, { error: { type: 'rate_limit_error' } }, { 'retry-after': '7200' });
    const end = await run(request('ask; sleep 1000'));
    expect(end).toMatchObject({ outcome: 'parked', usage: noUsage });
    expect(end.parkedUntil).toBeGreaterThan(Date.now() + 7_100_000);
    expect(end.reason).toContain('takes no more requests until');
  });

  test('says why it exited when the quota is used up', async () => {
    model = (response) => sendJson(response, 429, { error: { code: 'insufficient_quota' } });
    expect(await run(request('ask; exit 1'))).toMatchObject({
      outcome: 'exited',
      exitCode: 1,
      reason: "the quota at the model's provider is used up",
    });
  });

  test('ends as out of budget when the agent gives up, unless it was done', async () => {
    model = (response) => sendEvents(response, streams['anthropic-messages']);
    const runBudget = { tokens: 1000 };
    const asked = request('ask; ask; exit 3', { runBudget });
    expect(await run(asked)).toMatchObject({
      outcome: 'budget',
      exitCode: 3,
      reason: expect.stringContaining('budget of 1000 tokens'),
      usage: { requests: 1 },
    });
    expect(await fixture.output(asked)).toContain('Commit what you have and call signal_done.');
    const done = request('ask; ask; forge signal-done success "all done"; sleep 100', {
      runBudget,
    });
    expect(await run(done)).toMatchObject({ outcome: 'done' });
  });

  test('is ended as out of budget when the agent goes on', async () => {
    model = (response) => sendEvents(response, streams['anthropic-messages']);
    await using impatient = await HostFixture.make({ timing: { afterBudget: 200 } });
    const asked = request('ask; sleep 1000', { runBudget: { tokens: 0 } }, impatient);
    expect(await run(asked, impatient)).toMatchObject({
      outcome: 'budget',
      reason: expect.stringContaining('budget of 0 tokens'),
      usage: noUsage,
    });
  });

  test('streams 100 MB in bounded memory', async () => {
    const chunk = event({
      type: 'content_block_delta',
      delta: { type: 'text_delta', text: 'word '.repeat(20) },
    }).repeat(400);
    model = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const [first, , ...last] = streams['anthropic-messages'];
      response.write(first);
      let sent = 0;
      const fill = (): void => {
        while (sent < 100 * 1024 * 1024) {
          sent += chunk.length;
          if (!response.write(chunk)) return;
        }
        response.end(last.join(''));
      };
      response.on('drain', fill);
      fill();
    };
    const asked = request('ask > /dev/null; wc -c answer; echo finished; sleep 1000');
    await fixture.host.launch(asked, order(asked), never);
    await until(
      'the stream',
      async () => (await fixture.output(asked)).includes('finished'),
      60_000,
    );
    const pid = (await readJournal(runOf(asked).journal))?.header?.supervisor?.pid ?? 0;
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    const end = await fixture.host.stop(asked, 'cancelled');
    console.log(`supervisor: at most ${(Number(peak) / 1024).toFixed(1)} MiB`);
    expect(end.usage).toMatchObject({ requests: 1, outputTokens: 50 });
    expect(Number(/(\d+) answer/.exec(await fixture.output(asked))?.[1])).toBeGreaterThan(1e8);
    expect(Number(peak) / 1024).toBeLessThanOrEqual(100);
  }, 120_000);
});
