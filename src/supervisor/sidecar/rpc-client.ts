import { request } from 'node:http';
import { rpcPath } from './door-paths.ts';

/** The sidecar answered with an error. The message says what to do. */
export class CallFailedError extends Error {
  override readonly name = 'CallFailedError';
  readonly code: number;
  readonly data: unknown;
  constructor({ code, message, data }: { code: number; message: string; data?: unknown }) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** The sidecar is not there. The message says where it was looked for. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/**
 * Makes one call over the sidecar's socket and gives its result.
 * @throws CallFailedError when the sidecar says no
 * @throws UnreachableError
 */
export async function callSidecar(
  socketPath: string,
  method: string,
  params: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const { result, error } = (await postToSidecar(socketPath, rpcPath, body)) as {
    result?: unknown;
    error?: { code: number; message: string; data?: unknown };
  };
  if (error !== undefined) {
    throw new CallFailedError(error);
  }
  return result;
}

/** Sends one request over the sidecar's socket and gives what it answers, undefined for nothing. @throws UnreachableError */
export async function postToSidecar(
  socketPath: string,
  path: string,
  body: string,
): Promise<unknown> {
  try {
    const text = await post(socketPath, path, body);
    return text === '' ? undefined : JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    throw new UnreachableError(
      `the sidecar at ${socketPath} cannot be reached (${message}): try again in a few seconds`,
      { cause: error },
    );
  }
}

function post(socketPath: string, path: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // A connection of its own: one that is kept may be closed just when the next message is written to it.
    const options = { socketPath, path, method: 'POST', agent: false };
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
