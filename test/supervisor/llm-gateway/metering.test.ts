import { describe, expect, test } from 'vitest';
import type { LlmProtocol } from '../../../src/domain/agent.ts';
import { noUsage } from '../../../src/domain/usage.ts';
import { until } from '../../support/until.ts';
import { event, paths, sendEvents, sendJson, Stand, streams } from './stand.ts';

const protocols = Object.keys(paths) as LlmProtocol[];
const ask = { model: 'm', stream: true };
const usages = {
  'anthropic-messages': {
    requests: 1,
    inputTokens: 700,
    outputTokens: 50,
    cacheReadTokens: 200,
    cacheWriteTokens: 100,
    costUsd: (700 + 500 + 20 + 200) / 1e6,
  },
  'openai-responses': {
    requests: 1,
    inputTokens: 800,
    outputTokens: 50,
    cacheReadTokens: 200,
    cacheWriteTokens: 0,
    costUsd: (800 + 500 + 20) / 1e6,
  },
  'openai-completions': {
    requests: 1,
    inputTokens: 800,
    outputTokens: 50,
    cacheReadTokens: 200,
    cacheWriteTokens: 0,
    costUsd: (800 + 500 + 20) / 1e6,
  },
};
const wholeAnswers = {
  'anthropic-messages': {
    content: [{ type: 'tool_use', input: { usage: { output_tokens: 0 } } }],
    usage: {
      input_tokens: 700,
      output_tokens: 50,
      cache_read_input_tokens: 200,
      cache_creation_input_tokens: 100,
    },
  },
  'openai-responses': {
    usage: {
      input_tokens: 1000,
      output_tokens: 50,
      input_tokens_details: { cached_tokens: 200 },
    },
  },
  'openai-completions': {
    usage: {
      prompt_tokens: 1000,
      completion_tokens: 50,
      prompt_tokens_details: { cached_tokens: 200 },
    },
  },
};

describe.each(protocols)('the meter of %s', (protocol) => {
  test('reads a stream, which passes as it is', async () => {
    await using stand = await Stand.open();
    stand.model = (response) => sendEvents(response, streams[protocol]);
    const reply = await stand.ask(paths[protocol], { body: ask });
    expect(reply).toMatchObject({ status: 200, complete: true, body: streams[protocol].join('') });
    expect(reply.headers['content-type']).toBe('text/event-stream');
    expect(stand.usage).toEqual(usages[protocol]);
  });

  test('reads a stream however it is cut into pieces', async () => {
    const whole = Buffer.from(streams[protocol].join(''));
    for (const size of [1, 7, 64]) {
      await using stand = await Stand.open();
      stand.model = (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
        for (let at = 0; at < whole.length; at += size) {
          response.write(whole.subarray(at, at + size));
        }
        response.end();
      };
      const reply = await stand.ask(paths[protocol], { body: ask });
      expect(reply.body).toBe(whole.toString());
      expect(stand.usage).toEqual(usages[protocol]);
    }
  });

  test('reads an answer that is no stream', async () => {
    await using stand = await Stand.open();
    stand.model = (response) => sendJson(response, 200, wholeAnswers[protocol]);
    const reply = await stand.ask(paths[protocol], { body: { model: 'm' } });
    expect(JSON.parse(reply.body)).toEqual(wholeAnswers[protocol]);
    expect(stand.usage).toEqual(usages[protocol]);
  });

  test('reads to the end when the client has gone', async () => {
    await using stand = await Stand.open();
    const [first = '', ...rest] = streams[protocol];
    const left = Promise.withResolvers<void>();
    stand.model = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(first);
      void left.promise.then(() => response.end(rest.join('')));
    };
    await stand.askAndLeave(paths[protocol], ask);
    await until('the client to be gone', () => stand.leavers === 1);
    left.resolve();
    await until('the usage', () => stand.usage);
    expect(stand.usage).toEqual(usages[protocol]);
  });

  test('knows no cost when a stream breaks off, and what was told counts', async () => {
    await using stand = await Stand.open();
    stand.model = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(streams[protocol][0], () => response.destroy());
    };
    const reply = await stand.ask(paths[protocol], { body: ask });
    expect(reply.body).toContain('event: error\ndata: {"type":"error"');
    expect(reply.body).toContain('broke off');
    expect(stand.usage).toMatchObject({
      requests: 1,
      inputTokens: protocol === 'anthropic-messages' ? 700 : 0,
    });
    expect(stand.usage).not.toHaveProperty('costUsd');
  });

  test('says so when a stream ends without its last event', async () => {
    await using stand = await Stand.open();
    stand.model = (response) => sendEvents(response, streams[protocol].slice(0, 1));
    const reply = await stand.ask(paths[protocol], { body: ask });
    expect(reply.body).toContain('broke off');
  });

  test("adds nothing to a stream that ends with the server's own error", async () => {
    await using stand = await Stand.open();
    const error = event({ type: 'error', error: { type: 'overloaded_error', message: 'busy' } });
    stand.model = (response) => sendEvents(response, [streams[protocol][0] ?? '', error]);
    const reply = await stand.ask(paths[protocol], { body: ask });
    expect(reply.body.endsWith(error)).toBe(true);
  });
});

describe('the meter', () => {
  test('adds up, and one unknown price makes the cost of all unknown', async () => {
    await using stand = await Stand.open();
    stand.model = (response) => sendJson(response, 200, wholeAnswers['openai-responses']);
    const body = { model: 'm' };
    await stand.ask(paths['openai-responses'], { body });
    await stand.ask(paths['openai-responses'], { body });
    expect(stand.usage).toMatchObject({ requests: 2, inputTokens: 1600, costUsd: 2640 / 1e6 });
    await stand.ask(paths['openai-responses'], { body: { model: 'toString' } });
    expect(stand.usage).toMatchObject({ requests: 3, inputTokens: 2400 });
    expect(stand.usage).not.toHaveProperty('costUsd');
  });

  test('asks for the usage of a stream of chat completions', async () => {
    await using stand = await Stand.open();
    await stand.ask(paths['openai-completions'], {
      body: { ...ask, stream_options: { include_usage: false, x: 1 } },
    });
    expect(JSON.parse(stand.seen[0]?.body ?? '')).toEqual({
      ...ask,
      stream_options: { include_usage: true, x: 1 },
    });
  });

  test('does not count what costs nothing, nor errors', async () => {
    await using stand = await Stand.open();
    await stand.ask('anthropic/v1/messages/count_tokens', { body: { model: 'm' } });
    await stand.ask('anthropic/v1/models', { method: 'GET' });
    stand.model = (response) => sendJson(response, 500, { error: {} });
    await stand.ask(paths['anthropic-messages'], { body: ask });
    expect(stand.usages).toEqual([]);
  });

  test('takes numbers that are none as not told', async () => {
    await using stand = await Stand.open();
    const usage = { input_tokens: -5, output_tokens: '7', cache_read_input_tokens: 1e300 };
    stand.model = (response) => sendJson(response, 200, { usage });
    await stand.ask(paths['anthropic-messages'], { body: { model: 'm' } });
    const { costUsd: _unknown, ...counts } = noUsage;
    expect(stand.usage).toEqual({ ...counts, requests: 1 });
  });

  test('a line that is longer than any event is passed on and not kept', async () => {
    await using stand = await Stand.open();
    const long = `data: "${'x'.repeat(9 * 1024 * 1024)}"\n\n`;
    stand.model = (response) => sendEvents(response, [long, ...streams['anthropic-messages']]);
    const reply = await stand.ask(paths['anthropic-messages'], { body: ask });
    expect(reply.body.length).toBe(long.length + streams['anthropic-messages'].join('').length);
    expect(stand.usage).toEqual(usages['anthropic-messages']);
  });
});

describe('a budget', () => {
  const answer = wholeAnswers['anthropic-messages'];
  const body = { model: 'm' };
  async function budgeted(access: Parameters<typeof Stand.open>[0]): Promise<Stand> {
    const stand = await Stand.open(access);
    stand.model = (response) => sendJson(response, 200, answer);
    return stand;
  }
  const target = paths['anthropic-messages'];

  test.each([
    [{ runBudget: { tokens: 1050 } }, "This run's budget of 1050 tokens is spent."],
    [{ runBudget: { usd: 0.00142 } }, "This run's budget of $0.00142 is spent."],
    [
      { issueBudget: { tokens: 2000 }, spentBefore: { ...noUsage, inputTokens: 950 } },
      "This issue's budget of 2000 tokens is spent.",
    ],
    [
      { issueBudget: { usd: 1 }, spentBefore: { ...noUsage, costUsd: 0.999 } },
      "This issue's budget of $1 is spent.",
    ],
    [
      // Of which model they were is not known any more: a million of the dearest.
      {
        issueBudget: { usd: 10.001 },
        spentBefore: { ...withoutCost(), outputTokens: 1_000_000 },
      },
      "This issue's budget of $10.001 is spent.",
    ],
  ])('of %j lets one request through, and refuses the next for good', async (access, message) => {
    await using stand = await budgeted({ access });
    expect((await stand.ask(target, { body })).status).toBe(200);
    const reply = await stand.ask(target, { body });
    expect(reply).toMatchObject({ status: 400, headers: { 'x-should-retry': 'false' } });
    expect(reply.body).toContain(`${message} Commit what you have and call signal_done.`);
    expect(stand.budgets).toEqual([expect.stringContaining(message)]);
    expect(stand.seen).toHaveLength(1);
    expect((await stand.ask('anthropic/v1/models', { method: 'GET' })).status).toBe(200);
  });

  test('of 0 allows nothing', async () => {
    for (const runBudget of [{ tokens: 0 }, { usd: 0 }]) {
      await using stand = await budgeted({ access: { runBudget } });
      expect((await stand.ask(target, { body })).status).toBe(400);
      expect(stand.seen).toEqual([]);
    }
  });

  test('in dollars refuses a model without a price, and says how to mend it', async () => {
    await using stand = await budgeted({ access: { runBudget: { usd: 1 } } });
    const reply = await stand.ask(target, { body: { model: 'other' } });
    expect(reply.status).toBe(400);
    expect(reply.body).toContain("a price in the orchestrator's settings");
    expect(stand.budgets).toEqual([]);
    expect((await stand.ask(target, { body })).status).toBe(200);
  });

  test('cannot be kept with a server that reports no usage', async () => {
    await using stand = await budgeted({ access: { runBudget: { tokens: 9999 } } });
    stand.model = (response) => sendJson(response, 200, { content: [] });
    expect((await stand.ask(target, { body })).status).toBe(200);
    expect((await stand.ask(target, { body })).body).toContain('does not report what it uses');
  });

  test('survives a stream that broke off', async () => {
    await using stand = await budgeted({ access: { runBudget: { usd: 1 } } });
    stand.model = (response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end();
    await stand.ask(target, { body });
    stand.model = (response) => sendJson(response, 200, answer);
    expect((await stand.ask(target, { body })).status).toBe(200);
  });
});

function withoutCost(): Omit<typeof noUsage, 'costUsd'> {
  const { costUsd: _known, ...counts } = noUsage;
  return counts;
}
