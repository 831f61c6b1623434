import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutputReader } from '../../src/agents/output-reader.ts';
import { createOutputReader } from '../../src/agents/output-readers.ts';

type Cli = 'claude' | 'codex' | 'pi';
const clis: readonly Cli[] = ['claude', 'codex', 'pi'];

function readerOf(cli: Cli): OutputReader {
  const reader = createOutputReader(cli);
  if (reader === undefined) {
    throw new Error(`no reader for ${cli}`);
  }
  return reader;
}

function read(cli: Cli, ...chunks: readonly (string | Buffer)[]) {
  const reader = readerOf(cli);
  const parts = chunks.map((chunk) => Buffer.from(reader.write(Buffer.from(chunk))));
  const log = Buffer.concat([...parts, Buffer.from(reader.end())]);
  return { log: log.toString('utf8'), bytes: log, facts: reader.facts };
}

/** What a real CLI has printed: see `record.ts`. */
const recorded = (scene: string): Buffer =>
  readFileSync(join(import.meta.dirname, '..', 'fixtures', 'agents', `${scene}.ndjson`));

const twentyLines = Array.from({ length: 20 }, (_, index) => `  ${index + 1}\n`).join('');

describe('claude', () => {
  test('a run reads as what was said and done, with shortened results', () => {
    const { log, facts } = read('claude', recorded('claude-steps'));

    expect(log.replace(/^\[session \S+ model m1\]\n/, '')).toBe(
      `[MCP server forge cannot be reached]
[turn 1]
I look around.
$ echo hello; ls nowhere; exit 3
  Exit code 3
  hello
  ls: cannot access 'nowhere': No such file or directory
[turn 2]
$ seq 100
${twentyLines}  … 80 more lines
[turn 3]
All done.
[finished after 3 turns]
`,
    );
    expect(facts).toEqual({
      session: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      turns: 3,
      message: 'All done.',
    });
  });

  test('a run that goes on has the session of the one before', () => {
    const { facts } = read('claude', recorded('claude-resumed'));

    expect(facts.session).toBe(read('claude', recorded('claude-steps')).facts.session);
    expect(facts.message).toBe('Once more.');
  });

  test('a refused key is a failure, although the result calls itself a success', () => {
    const { log, facts } = read('claude', recorded('claude-unauthorized'));

    expect(facts.failure).toBe('Invalid API key · Fix external API key');
    expect(log).toMatch(/\[retry 1 of 1 in 0\.\d s: authentication_failed\]/);
    expect(facts).not.toHaveProperty('limit');
  });

  test('a limit is known with the time of its end, where the provider tells it', () => {
    expect(read('claude', recorded('claude-rate-limited')).facts.limit).toEqual({});
    expect(read('claude', recorded('claude-plan-limit')).facts).toMatchObject({
      failure: "You've hit your 5-hour limit · resets Jan 1, 2100, 12pm (UTC)",
      limit: { resetsAt: Date.UTC(2100, 0, 1, 12) },
    });
  });

  test('the limit of turns is a failure', () => {
    expect(read('claude', recorded('claude-turn-limit')).facts.failure).toBe(
      'Reached maximum number of turns (2)',
    );
  });

  const result = (fields: object): string =>
    `${JSON.stringify({ type: 'result', subtype: 'success', is_error: false, num_turns: 2, ...fields })}\n`;

  test('the cost is that of this execution, and unknown when it is of another model than the one used', () => {
    const usage = (costUSD: number, costBasis?: string) => ({ costUSD, costBasis });
    const costOf = (models: object) =>
      read('claude', result({ total_cost_usd: 9, model_usage_since_last_result: models })).facts
        .costUsd;

    expect(costOf({ a: usage(0.25), b: usage(0.5) })).toBe(0.75);
    expect(costOf({ a: usage(0.25), b: usage(0.5, 'unknown') })).toBeUndefined();
    expect(costOf({})).toBeUndefined();
  });

  test('a denied permission is told', () => {
    const { log } = read('claude', result({ permission_denials: [{ tool_name: 'Write' }] }));

    expect(log).toBe('[permission denied: Write]\n[finished after 2 turns]\n');
  });

  test('other tools are named with their input', () => {
    const message = {
      id: 'm',
      content: [{ type: 'tool_use', name: 'mcp__forge__read_issue', input: { number: 7 } }],
    };

    expect(read('claude', `${JSON.stringify({ type: 'assistant', message })}\n`).log).toBe(
      '[turn 1]\n> mcp__forge__read_issue {"number":7}\n',
    );
  });
});

describe('codex', () => {
  test('a run reads as what was said and done, with shortened results', () => {
    const { log, facts } = read('codex', recorded('codex-steps'));

    expect(log.split('\n').slice(2).join('\n')).toBe(
      `I look around.
$ echo hello; ls nowhere; exit 3
  hello
  ls: cannot access 'nowhere': No such file or directory
  exit code 3
$ seq 100
${twentyLines}  … 80 more lines
All done.
[finished]
`,
    );
    expect(facts).toEqual({
      session: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      message: 'All done.',
    });
  });

  test('a run that goes on has the session of the one before', () => {
    const { facts } = read('codex', recorded('codex-resumed'));

    expect(facts.session).toBe(read('codex', recorded('codex-steps')).facts.session);
  });

  test('an answer that breaks off is a failure, but not while it is asked again', () => {
    const lines = recorded('codex-cut-short').toString('utf8').split('\n');
    const asking = lines.findIndex((line) => line.includes('Reconnecting'));

    const early = read('codex', `${lines.slice(0, asking + 1).join('\n')}\n`);
    const late = read('codex', lines.join('\n'));

    expect(early.facts).not.toHaveProperty('failure');
    expect(late.facts.failure).toBe(
      'stream disconnected before completion: stream closed before response.completed',
    );
  });

  test('a limit is known with the minute after its end', () => {
    expect(read('codex', recorded('codex-usage-limit')).facts.limit).toEqual({
      resetsAt: Date.UTC(2100, 0, 1, 12, 1),
    });
  });

  test('a limit that ends today is told without a date', () => {
    const message = "You've hit your usage limit. Try again, or try again at 11:59 PM.";
    const { facts } = read('codex', `${JSON.stringify({ type: 'error', message })}\n`);

    const midnight = new Date();
    midnight.setUTCHours(24, 0, 0, 0);
    expect(facts.limit).toEqual({ resetsAt: midnight.getTime() });
  });

  test("a provider's error is told in its own words", () => {
    const message = JSON.stringify({ type: 'error', error: { message: 'Your credit is too low' } });

    expect(read('codex', `${JSON.stringify({ type: 'error', message })}\n`).facts.failure).toBe(
      'Your credit is too low',
    );
  });

  test('tools of the forge and changed files are told', () => {
    const item = (type: string, item: object): string => `${JSON.stringify({ type, item })}\n`;
    const call = {
      type: 'mcp_tool_call',
      server: 'forge',
      tool: 'read_issue',
      arguments: { number: 7 },
    };

    expect(
      read(
        'codex',
        item('item.started', call),
        item('item.completed', {
          ...call,
          result: { content: [{ type: 'text', text: 'Issue 7' }] },
        }),
        item('item.completed', { type: 'file_change', changes: [{ kind: 'add', path: 'a.txt' }] }),
      ).log,
    ).toBe('> forge.read_issue {"number":7}\n  Issue 7\n[add a.txt]\n');
  });
});

describe('pi', () => {
  test('a run reads as what was said and done, with shortened results', () => {
    const { log, facts } = read('pi', recorded('pi-steps'));

    expect(log.replace(/^\[session \S+\]\n/, '')).toBe(
      `[turn 1]
I look around.
$ echo hello; ls nowhere; exit 3
  hello
  ls: cannot access 'nowhere': No such file or directory
  Command exited with code 3
[turn 2]
$ seq 100
${twentyLines}  … 80 more lines
[turn 3]
All done.
`,
    );
    expect(facts).toEqual({
      session: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      turns: 3,
      message: 'All done.',
    });
  });

  test('a run that goes on has the session of the one before', () => {
    const { facts } = read('pi', recorded('pi-resumed'));

    expect(facts.session).toBe(read('pi', recorded('pi-steps')).facts.session);
  });

  test('has no session before the first answer, since none can be continued', () => {
    const lines = recorded('pi-steps').toString('utf8').split('\n');
    const first = lines.findIndex((line) => /"message_end".*"role":"assistant"/.test(line));

    expect(read('pi', lines.slice(0, first).join('\n')).facts).not.toHaveProperty('session');
    expect(read('pi', lines.slice(0, first + 1).join('\n')).facts).toHaveProperty('session');
  });

  test('a refused key is a failure, although it exits with 0', () => {
    expect(read('pi', recorded('pi-unauthorized')).facts.failure).toBe('401: invalid x-api-key');
  });

  test('a page of HTML in place of an answer is a failure, although pi takes it for one', () => {
    expect(read('pi', recorded('pi-html')).facts.failure).toMatch(/no answer that could be/);
  });

  test('a limit that has passed is no failure', () => {
    const { log, facts } = read('pi', recorded('pi-rate-limited-once'));

    expect(log).toContain(
      '[failed: 429: This request would exceed your rate limit]\n[retry 1 of 3 in 2.0 s]',
    );
    expect(facts).toMatchObject({ turns: 3, message: 'All done.' });
    expect(facts).not.toHaveProperty('failure');
    expect(facts).not.toHaveProperty('limit');
  });

  test.each([
    [{ type: 'usage_limit_reached', resets_at: 1000 }, { resetsAt: 1_000_000 }],
    [{ type: 'rate_limit_error' }, {}],
    [{ type: 'insufficient_quota' }, undefined],
  ])('429 with %j is the limit %j', (error, limit) => {
    const message = {
      role: 'assistant',
      content: [],
      stopReason: 'error',
      errorMessage: `429 ${JSON.stringify({ type: 'error', error })}`,
    };

    expect(read('pi', JSON.stringify({ type: 'message_end', message })).facts.limit).toEqual(limit);
  });
});

describe('any reader', () => {
  const scenes = clis.map((cli) => [cli, recorded(`${cli}-steps`)] as const);

  test.each(scenes)('of %s understands the same however the output is cut', (cli, output) => {
    const whole = read(cli, output);
    fc.assert(
      fc.property(fc.array(fc.nat(output.length), { maxLength: 40 }), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), output.length];
        const chunks = places.slice(1).map((end, index) => output.subarray(places[index], end));
        const cut = read(cli, ...chunks);
        expect(cut.log).toBe(whole.log);
        expect(cut.facts).toEqual(whole.facts);
      }),
      { numRuns: 50 },
    );
  });

  test.each(clis)('of %s passes on what is no event, byte by byte', (cli) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        const bytes = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk)));
        fc.pre(!bytes.includes('{'));
        expect(read(cli, ...chunks.map((chunk) => Buffer.from(chunk))).bytes).toEqual(bytes);
      }),
    );
  });

  test.each(scenes)('of %s survives events of any shape', (cli, output) => {
    const types = new Set(
      output
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { type: string }).type),
    );
    const names = [
      'message',
      'item',
      'error',
      'result',
      'content',
      'type',
      'role',
      'stopReason',
      'changes',
    ];
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('assistant', 'text', 'tool_use', 'command_execution', 'error', ''),
        fc.jsonValue({ maxDepth: 1 }),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 5 }),
      ),
    })).value;
    const event = fc
      .tuple(
        fc.constantFrom(...types, 'unknown'),
        fc.dictionary(fc.constantFrom(...names.slice(0, 5)), value),
      )
      .map(([type, fields]) => JSON.stringify({ ...fields, type }));
    fc.assert(
      fc.property(fc.array(event, { maxLength: 10 }), (events) => {
        expect(() => read(cli, events.join('\n'))).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });

  test('shows an event that it does not know as it is, shortened', () => {
    const known = '{"type":"tomorrow","text":"new"}\n';
    const long = JSON.stringify({ type: 'tomorrow', text: 'x'.repeat(10_000) });

    expect(read('codex', known).log).toBe(known);
    expect(read('codex', long).log).toMatch(
      /^\{"type":"tomorrow".{1900,2000}… \(10029 characters\)$/,
    );
  });

  test.each(clis)(
    'of %s leaves out an event without end, holds no more than its beginning, and goes on',
    (cli) => {
      const reader = readerOf(cli);
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      const before = process.memoryUsage();
      let log = Buffer.from(
        reader.write(Buffer.from('{"type":"item.completed","item":"')),
      ).toString();
      for (let count = 0; count < 256; count++) {
        log += reader.write(chunk).toString();
      }
      const after = process.memoryUsage();
      log += reader.write(Buffer.from('\nplain\n')).toString();

      expect(log).toMatch(
        /^\[an event of 268435489 bytes is left out: \{"type":"item\.completed".*…\]\nplain\n$/,
      );
      expect(after.rss + after.external - before.rss - before.external).toBeLessThan(
        32 * 1024 * 1024,
      );
    },
  );

  test('passes a line without end on as it comes', () => {
    const reader = readerOf('claude');

    expect(reader.write(Buffer.from('no newline')).toString()).toBe('no newline');
    expect(reader.write(Buffer.from(' {"type":"result"}')).toString()).toBe(' {"type":"result"}');
    expect(reader.end().toString()).toBe('');
  });

  test('there is none for a script', () => {
    expect(createOutputReader('script')).toBeUndefined();
  });
});
