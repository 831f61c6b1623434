import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { branch, openStand } from './stand.ts';
import type { Stand } from './stand.ts';

const program = join(import.meta.dirname, '../../../src/supervisor/sidecar/forge-command.ts');

let stand: Stand;
beforeEach(async () => {
  stand = await openStand();
});
afterEach(async () => {
  await stand.close();
});

interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function forge(
  args: readonly string[],
  { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], {
      env: { FORGE_SOCKET: stand.socket, FORGE_ISSUE_NUMBER: '1', FORGE_PR_NUMBER: '', ...env },
    });
    const out: string[] = [];
    const err: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => out.push(chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => err.push(chunk));
    child.on('close', (code) => resolve({ code, out: out.join(''), err: err.join('') }));
    child.stdin.on('error', () => undefined).end(input);
  });
}

describe('forge', () => {
  test('shows the own issue as text, and another one by number', async () => {
    const own = await forge(['read-issue']);
    expect(own).toMatchObject({ code: 0, err: '' });
    expect(own.out).toBe(
      '#1 Make it so\nopen · by alice\nhttps://memory.example/acme/widgets/issues/1\n\nappend hello to README.md\n',
    );
    expect((await forge(['read-issue', '#2'])).out).toContain('#2 Somebody else’s');
  });

  test('prints the result as one line of JSON with --json', async () => {
    const { out } = await forge(['read_issue', '2', '--json']);
    expect(out.endsWith('}\n')).toBe(true);
    expect(JSON.parse(out)).toMatchObject({ number: 2, title: 'Somebody else’s' });
  });

  test('shows comments and reviews', async () => {
    stand.alice.comment(1, 'First.');
    stand.alice.push(branch);
    const number = stand.alice.openPullRequest({ title: 'x', head: branch });
    stand.alice.review(number, {
      verdict: 'changes_requested',
      body: 'Not yet.',
      inline: [{ path: 'a.txt', line: 3, body: 'Here.' }],
    });
    expect((await forge(['read-comments'])).out).toMatch(/^alice · .*\n.*\n\nFirst\.\n$/);
    const { out } = await forge(['read-comments', String(number)]);
    expect(out).toContain('changes requested');
    expect(out).toContain('on a.txt line 3');
    expect((await forge(['read-comments', '2'])).out).toBe('No comments.\n');
  });

  test('takes escape sequences out of what others wrote, but not out of --json', async () => {
    const number = stand.alice.openIssue({ title: 'x', body: 'a\u001b[2Jb\u0007\r\nc\td' });
    expect((await forge(['read-issue', String(number)])).out).toContain('a[2Jb\nc\td\n');
    const { out } = await forge(['read-issue', String(number), '--json']);
    expect(JSON.parse(out).body).toContain('\u001b');
  });

  test.each([
    ['--body', ['post-comment', '--body', '- a list\n- of things'], ''],
    ['--body=', ['post-comment', '1', '--body=- a list\n- of things'], ''],
    ['standard input', ['post-comment', '1', '-'], '- a list\n- of things'],
    ['--body -', ['post_comment', '--body', '-'], '- a list\n- of things'],
  ])('posts a comment given by %s', async (_, args, input) => {
    const { code, out } = await forge(args, { input });
    expect(code).toBe(0);
    expect(out).toContain('Posted: https://');
    const [comment] = await stand.forge.listComments(stand.repository, 1);
    expect(comment?.body).toMatch(/^- a list\n- of things\n\n<!--/);
  });

  test('posts a comment from a file', async () => {
    const file = join(dirname(stand.socket), 'note.md');
    await writeFile(file, 'From a file.');
    expect((await forge(['post-comment', file])).code).toBe(0);
    expect((await forge(['post-comment', '1', `${file}.not`])).err).toContain('there is no file');
  });

  test('opens a pull request, describes it and ends the run', async () => {
    stand.alice.push(branch);
    const opened = await forge(['open-pr', '--title', 'Do it', '--body', 'Done.']);
    expect(opened.out).toBe('Pull request #3: https://memory.example/acme/widgets/pulls/3\n');
    expect((await forge(['update-description', '3', '--body', 'Better.'])).code).toBe(0);
    expect((await forge(['read-pr'], { env: { FORGE_PR_NUMBER: '3' } })).out).toContain('Better.');
    const done = await forge(['signal-done', 'success', 'All', 'done.']);
    expect(done.out).toContain('exit now');
    expect(stand.dones).toEqual([{ status: 'success', summary: 'All done.' }]);
  });

  test('a refusal is exit code 1 and says what to do', async () => {
    const refused = await forge(['post-comment', '2', '--body', 'x']);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toBe(
      'forge: #2 is not yours to write: you may write to issue #1 only. It was not sent. Leave it, and go on with your task.\n',
    );
    const json = await forge(['post-comment', '2', '--body', 'x', '--json']);
    expect(JSON.parse(json.err)).toMatchObject({
      error: { code: -32001, data: { name: 'ForgeScopeError' } },
    });
  });

  test('a sidecar that is away is exit code 1', async () => {
    const { code, err } = await forge(['read-issue'], { env: { FORGE_SOCKET: '/nowhere.sock' } });
    expect(code).toBe(1);
    expect(err).toContain('the sidecar at /nowhere.sock cannot be reached');
  });

  test.each([
    [[], 'a command is missing'],
    [['frobnicate'], 'There are read-issue, read-pr'],
    [['read-issue', 'twelve'], '"twelve" is not a number'],
    [['read-issue', '1', '2'], 'one number is enough'],
    [['read-issue', '--body', 'x'], 'takes no --body'],
    [['read-pr'], 'the number is missing'],
    [['post-comment', '1'], 'the text is missing'],
    [['post-comment', '1', '--body', 'x', 'y'], 'not both'],
    [['post-comment', 'two', 'words'], 'quote it'],
    [['post-comment', '--title', 'x', '--body', 'y'], 'takes no --title'],
    [['open-pr', '--body', 'x'], 'give --title'],
    [['signal-done', 'success'], 'give a status and a summary'],
    [['read-issue', '--nonsense'], "'--nonsense'"],
    [['mcp', 'http'], 'mcp takes nothing more'],
  ])('%j is exit code 2 and says how it should be', async (args, message) => {
    const { code, out, err } = await forge(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
    expect(stand.operations()).toEqual([]);
  });

  test('helps, with examples', async () => {
    const { code, out } = await forge(['--help']);
    expect(code).toBe(0);
    for (const name of ['read-issue', 'post-comment', 'open-pr', 'signal-done']) {
      expect(out).toContain(`forge ${name} `);
    }
    expect((await forge(['open-pr', '--help'])).out).toContain('Usage: forge open-pr --title');
  });
});

describe('forge mcp', () => {
  const message = (method: string, params?: object, id?: number): string =>
    JSON.stringify({ jsonrpc: '2.0', id, method, params });
  const answersOf = ({ out }: Finished): unknown[] =>
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  test('answers each message of its input in a line, and ends with the input', async () => {
    const done = { name: 'signal_done', arguments: { status: 'success', summary: 'a\u2028b' } };
    const lines = [
      message('ping', {}, 1),
      message('notifications/initialized'),
      '',
      message('tools/call', done, 2),
    ];
    const finished = await forge(['mcp'], { input: lines.join('\r\n') });
    expect(finished).toMatchObject({ code: 0, err: '' });
    const answers = answersOf(finished);
    expect(answers).toHaveLength(2);
    expect(answers).toContainEqual({ jsonrpc: '2.0', id: 1, result: {} });
    expect(answers).toContainEqual(
      expect.objectContaining({
        id: 2,
        result: expect.objectContaining({ structuredContent: done.arguments }),
      }),
    );
    expect(stand.dones).toEqual([done.arguments]);
  });

  test('lets no message wait for a slow one', async () => {
    const { promise: asked, resolve: onPing } = Promise.withResolvers<void>();
    const slow = stand.forge.readIssue.bind(stand.forge);
    stand.forge.readIssue = async (...args) => {
      await asked;
      return slow(...args);
    };
    const child = spawn(process.execPath, [program, 'mcp'], {
      env: { FORGE_SOCKET: stand.socket },
    });
    const read = { name: 'read_issue', arguments: { number: 1 } };
    child.stdin.write(`${message('tools/call', read, 1)}\n${message('ping', {}, 2)}\n`);
    const ids: number[] = [];
    for await (const answer of child.stdout.setEncoding('utf8')) {
      const { id } = JSON.parse(String(answer));
      ids.push(id);
      onPing();
      if (ids.length === 2) {
        child.stdin.end();
      }
    }
    expect(ids).toEqual([2, 1]);
  });

  test('passes on what is no message, and its refusal back', async () => {
    const finished = await forge(['mcp'], { input: 'nonsense\n' });
    expect(answersOf(finished)).toMatchObject([{ id: null, error: { code: -32700 } }]);
    expect(stand.operations()).toMatchObject([{ operation: 'unknown', outcome: 'rejected' }]);
  });

  test('says of a sidecar that is away to the client and to people', async () => {
    const finished = await forge(['mcp'], {
      input: `${message('ping', {}, 7)}\n${message('notifications/initialized')}\n`,
      env: { FORGE_SOCKET: '/nowhere.sock' },
    });
    const problem = expect.stringContaining('the sidecar at /nowhere.sock cannot be reached');
    expect(answersOf(finished)).toMatchObject([
      { id: 7, error: { code: -32603, message: problem } },
    ]);
    expect(finished).toMatchObject({ code: 0, err: problem });
  });
});
