import type { Readable, Writable } from 'node:stream';
import { mcpPath } from './door-paths.ts';
import { postToSidecar } from './rpc-client.ts';

/** Of JSON-RPC: what was asked for failed, for no fault of the message. */
const internalError = -32603;

export interface RelayStreams {
  readonly input: Readable;
  readonly output: Writable;
  /** For people: why a message could not be passed on. */
  readonly problems: Writable;
}

/**
 * MCP for clients that start their server: each line of the input is a message, passed on to the sidecar as it is, and its
 * answer a line of the output. A message does not wait for the answer to the one before. Resolves when the input has ended
 * and everything is answered.
 */
export async function relayMcp(
  socketPath: string,
  { input, output, problems }: RelayStreams,
): Promise<void> {
  const underway = new Set<Promise<void>>();

  async function pass(message: string): Promise<void> {
    const id = idOf(message);
    let answer: unknown;
    try {
      answer = withId(id, await postToSidecar(socketPath, mcpPath, message));
    } catch (error) {
      const problem = (error as Error).message;
      problems.write(`forge: ${problem}\n`);
      if (id !== undefined) {
        answer = { jsonrpc: '2.0', id, error: { code: internalError, message: problem } };
      }
    }
    if (answer !== undefined) {
      output.write(`${JSON.stringify(answer)}\n`);
    }
  }

  for await (const line of linesOf(input)) {
    const passed = pass(line).finally(() => underway.delete(passed));
    underway.add(passed);
  }
  await Promise.all(underway);
}

/** Not `node:readline`: it takes U+2028, which JSON may hold as it is, for the end of a line. */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of input.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line.trim() !== '');
  }
  if (rest.trim() !== '') {
    yield rest;
  }
}

function idOf(message: string): unknown {
  try {
    const { id } = JSON.parse(message) as { id?: unknown };
    return id;
  } catch {
    return undefined;
  }
}

/** What was refused before it was read is refused without an id. Here we know whose it was. */
function withId(id: unknown, answer: unknown): unknown {
  const isAnonymous = id !== undefined && (answer as { id?: unknown } | undefined)?.id === null;
  return isAnonymous ? { ...(answer as object), id } : answer;
}
