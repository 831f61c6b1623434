import { readFileSync } from 'node:fs';
import { UsageError, parseInvocation } from './forge-invocation.ts';
import { formatResult } from './forge-output.ts';
import { relayMcp } from './mcp-relay.ts';
import { CallFailedError, callSidecar } from './rpc-client.ts';

/** The `forge` command, bundled as `forge.mjs`. */

// Inside a bottle the environment is the bottle's own.
const { FORGE_SOCKET, FORGE_ISSUE_NUMBER, FORGE_PR_NUMBER } = process.env;
const socket = FORGE_SOCKET ?? '/run/bottle/sidecar.sock';
const argv = process.argv.slice(2);

process.exitCode = await run().catch(explain);

async function run(): Promise<number> {
  const invocation = parseInvocation(argv, {
    issueNumber: presetNumber(FORGE_ISSUE_NUMBER),
    pullRequestNumber: presetNumber(FORGE_PR_NUMBER),
    readText: (file) => readFileSync(file === '-' ? 0 : file, 'utf8'),
  });
  if (invocation.kind === 'help') {
    process.stdout.write(invocation.text);
    return 0;
  }
  if (invocation.kind === 'mcp') {
    // Its client is gone: nobody is left to be answered.
    process.stdout.on('error', () => process.exit());
    await relayMcp(socket, {
      input: process.stdin,
      output: process.stdout,
      problems: process.stderr,
    });
    return 0;
  }
  const { method, params, json } = invocation;
  const result = await callSidecar(socket, method, params);
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : formatResult(method, result));
  return 0;
}

function explain(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`forge: ${error.message}\n`);
    return 2;
  }
  if (error instanceof CallFailedError) {
    const { code, message, data } = error;
    process.stderr.write(
      argv.includes('--json')
        ? `${JSON.stringify({ error: { code, message, data } })}\n`
        : `forge: ${message}\n`,
    );
    return 1;
  }
  const { message, path, code } = error as NodeJS.ErrnoException;
  process.stderr.write(`forge: ${code === 'ENOENT' ? `there is no file ${path}` : message}\n`);
  return 1;
}

function presetNumber(value: string | undefined): number | undefined {
  return value === undefined || !/^\d+$/.test(value) ? undefined : Number(value);
}
