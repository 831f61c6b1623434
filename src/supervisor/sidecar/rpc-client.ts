import { request } from 'node:http';
import { rpcPath } from './rpc-path.ts';

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

/**
 * Makes one call over the sidecar's socket and gives its result.
 * @throws CallFailedError when the sidecar says no
 * @throws Error when it cannot be reached
 */
export async function callSidecar(
  socketPath: string,
  method: string,
  params: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const answer = await new Promise<string>((resolve, reject) => {
    const sent = request({ socketPath, path: rpcPath, method: 'POST' }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
  const { result, error } = JSON.parse(answer) as {
    result?: unknown;
    error?: { code: number; message: string; data?: unknown };
  };
  if (error !== undefined) {
    throw new CallFailedError(error);
  }
  return result;
}
