import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { demoTurn } from '../../src/demo/model-script.ts';
import {
  type Conversation,
  type Failure,
  inOrder,
  planLimitReached,
  refusals,
  type Turn,
  usageLimitReached,
} from '../../src/demo/model-turn.ts';
import { startPrompt } from '../../src/domain/prompts.ts';
import { agentCliNames } from '../../tools/agent-clis.ts';
import { CliBottle } from './cli-bottle.ts';

const run = promisify(execFile);
const always = (turn: Turn) => () => turn;

/** 2100-01-01T12:00:00Z, in epoch seconds. */
const farAway = 4_102_488_000;

/** Each gives up soon: people wait longer for a provider than a test does. */
const impatient = {
  claude: { environment: { CLAUDE_CODE_MAX_RETRIES: '1' } },
  codex: {
    extraArguments: [
      ...['-c', 'model_providers.gateway.request_max_retries=1'],
      ...['-c', 'model_providers.gateway.stream_max_retries=1'],
    ],
  },
  pi: {},
};

describe.each(agentCliNames)('the real %s', (name) => {
  let bottle: CliBottle;
  beforeEach(async () => {
    bottle = await CliBottle.create(name);
  });
  afterEach(async () => {
    await bottle.remove();
  });

  test('executes the command that its model asks for, and tells what came of it', async () => {
    const conversations: Conversation[] = [];
    const script = inOrder([
      { say: 'I write it down.', run: 'echo "uid $(id -u)" > note.txt; cat note.txt; exit 3' },
      { say: 'It is written.' },
    ]);
    const { code, log, facts } = await bottle.run({
      prompt: '- write a note',
      model(conversation) {
        conversations.push(conversation);
        return script(conversation);
      },
    });

    expect(code).toBe(0);
    expect(await readFile(join(bottle.work, 'note.txt'), 'utf8')).toBe('uid 1000\n');
    expect(conversations.at(-1)?.steps.at(-1)).toMatchObject({
      kind: 'result',
      text: expect.stringContaining('uid 1000') as string,
      failed: true,
    });
    expect(log).toContain('I write it down.\n$ echo "uid $(id -u)" > note.txt');
    expect(facts).toMatchObject({ message: 'It is written.' });
    expect(facts).not.toHaveProperty('failure');
  });

  test('goes on with its conversation in a later run', async () => {
    const first = await bottle.run({
      prompt: 'Remember the word heron.',
      model: always({ say: 'I shall.' }),
    });
    const second = await bottle.run({
      prompt: '-- Which word?',
      session: first.facts.session,
      model: ({ steps }) => ({
        say: steps.some(
          ({ kind, ...step }) => kind === 'prompt' && 'text' in step && step.text.includes('heron'),
        )
          ? 'heron'
          : 'I do not know.',
      }),
    });

    expect(second.facts.message).toBe('heron');
    expect(second.facts.session).toBe(first.facts.session);
  });

  test('goes on with a conversation whose first answer was refused', async () => {
    const first = await bottle.run({ model: always({ fail: refusals.lowCredit }) });
    const second = await bottle.run({
      session: first.facts.session,
      model: always({ say: 'Now it works.' }),
    });

    expect(first.facts.failure).toMatch(/credit balance is too low/i);
    expect(second.facts).toMatchObject({ message: 'Now it works.', session: first.facts.session });
  });

  test.each<[string, Failure, RegExp]>([
    ['a wrong key', refusals.unauthorized, /invalid (x-)?api.key/i],
    ['a page of HTML', 'html', /HTML|stream|could be understood/],
    ['an answer without its end', 'cut-short', /stream|JSON/],
  ])('says that it failed by %s', async (_, fail, words) => {
    const { facts } = await bottle.run({ model: always({ fail }), ...impatient[name] });

    expect(facts.failure).toMatch(words);
    expect(facts).not.toHaveProperty('limit');
  });

  test('knows the limit of its provider', async () => {
    const options = {
      claude: {
        model: always({ fail: planLimitReached(farAway) }),
        environment: { ANTHROPIC_API_KEY: '', CLAUDE_CODE_OAUTH_TOKEN: 'none' },
      },
      codex: { model: always({ fail: usageLimitReached(farAway) }) },
      // It tries again for a while, which nobody has to wait for.
      pi: { model: always({ fail: usageLimitReached(farAway) }), killAfterMs: 10_000 },
    };
    const { facts } = await bottle.run(options[name]);

    // Codex tells the minute only.
    const resetsAt = farAway * 1000 + (name === 'codex' ? 60_000 : 0);
    expect(facts.limit).toEqual({ resetsAt });
  });

  test('sends nothing but the dummy key, to nothing but its model', async () => {
    const { requests } = await bottle.run({ model: always({ say: 'Done.' }) });

    expect(requests.map(({ method, path }) => `${method} ${path.split('?')[0]}`)).toEqual([
      `POST ${name === 'codex' ? '/v1/responses' : '/v1/messages'}`,
    ]);
    const { 'x-api-key': key, authorization } = requests[0]?.headers ?? {};
    expect([key, authorization].filter((one) => one !== undefined)).toEqual([
      name === 'codex' ? 'Bearer no-key-in-this-bottle' : 'no-key-in-this-bottle',
    ]);
  });

  test("does an issue's task with the demo's model, from the prompt to the last call of the forge", async () => {
    const branch = 'bot-bottle/issue-7';
    const origin = join(bottle.home, 'origin.git');
    const git = (...args: string[]) => run('git', ['-C', bottle.work, ...args]);
    await run('git', ['init', '--quiet', '--bare', origin]);
    await git('init', '--quiet', '--initial-branch', branch);
    await git('remote', 'add', 'origin', '/home/agent/origin.git');
    await writeFile(
      join(bottle.root, 'bin', 'forge'),
      '#!/bin/sh\nprintf "%s\\n" "$1" >> /home/agent/forge.log\n',
      { mode: 0o755 },
    );

    const { facts } = await bottle.run({
      model: demoTurn,
      prompt: startPrompt({
        issue: {
          number: 7,
          title: 'Greet people',
          body: 'Create hello.txt with "it\'s me". Then replace "me" with "you" in hello.txt.',
          state: 'open',
          url: 'https://forge.example/acme/widgets/issues/7',
          author: 'alice',
          labels: [],
          assignees: [],
        },
        standingPrompt: '',
        branch,
        comments: [],
      }),
      environment: Object.fromEntries(
        ['GIT_AUTHOR', 'GIT_COMMITTER'].flatMap((who) => [
          [`${who}_NAME`, 'Bot'],
          [`${who}_EMAIL`, 'bot@memory.example'],
        ]),
      ),
    });

    const pushed = await run('git', ['-C', origin, 'show', `${branch}:hello.txt`]);
    expect(pushed.stdout).toBe("it's you\n");
    expect(await readFile(join(bottle.home, 'forge.log'), 'utf8')).toBe(
      'read-issue\nopen-pr\nsignal-done\n',
    );
    expect(facts.message).toBe('I am done.');
  });
});

/** Offers one tool, `read_issue`. */
async function startMcpServer(): Promise<{ url: string; close(): void }> {
  const server = createServer((incoming, response) => {
    void text(incoming).then((body) => {
      const { id, method, params } = (body === '' ? {} : JSON.parse(body)) as {
        id?: number;
        method?: string;
        params?: { protocolVersion?: string };
      };
      if (id === undefined) {
        response.writeHead(method === undefined ? 405 : 202).end();
        return;
      }
      const results: Record<string, () => unknown> = {
        initialize: () => ({
          protocolVersion: params?.protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: 'forge', version: '1' },
        }),
        'tools/list': () => ({
          tools: [{ name: 'read_issue', description: 'Reads.', inputSchema: { type: 'object' } }],
        }),
      };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: results[method ?? '']?.() ?? {} }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

test.each(['claude', 'codex'] as const)(
  'the real %s offers its model the tools of the forge from the first request on',
  async (name) => {
    const bottle = await CliBottle.create(name);
    const mcp = await startMcpServer();
    const { requests, log } = await bottle.run({
      model: always({ say: 'Done.' }),
      mcpUrl: mcp.url,
    });
    mcp.close();
    await bottle.remove();

    expect(requests[0]?.body).toMatch(/"(mcp__forge__)?read_issue"/);
    expect(log).not.toContain('cannot be reached');
  },
);

test('the real claude stops at its limit of turns', async () => {
  const bottle = await CliBottle.create('claude');
  const { code, facts } = await bottle.run({ model: always({ run: 'true' }), turnLimit: 2 });
  await bottle.remove();

  expect(code).toBe(1);
  expect(facts.failure).toBe('Reached maximum number of turns (2)');
});

test('the real pi speaks the Responses protocol too', async () => {
  const bottle = await CliBottle.create('pi');
  const { facts, requests } = await bottle.run({
    model: inOrder([{ run: 'true' }, { say: 'Done.' }]),
    protocol: 'openai-responses',
  });
  await bottle.remove();

  expect(facts.message).toBe('Done.');
  expect(requests.map(({ path }) => path)).toEqual(['/v1/responses', '/v1/responses']);
});
