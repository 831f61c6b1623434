import { request } from 'node:http';

/** What the Engine answered when it did not do what it was asked. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly statusCode: number;
  constructor(message: string, statusCode: number) {
    super(message);
    this.statusCode = statusCode;
  }
}

/**
 * Asks a Docker Engine for what a supervisor needs of it. Every launch waits for this: loading dockerode alone takes longer than
 * creating a container does.
 * @param path below the API's root, with its query
 * @returns the body of the answer
 * @throws EngineError for any status from 400 on, Error when no answer comes
 */
export function callEngine(
  socketPath: string,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const call = request({ socketPath, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      const status = response.statusCode ?? 0;
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const answer = Buffer.concat(chunks);
        if (status < 400) resolve(answer);
        else reject(new EngineError(messageOf(answer), status));
      });
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function messageOf(answer: Buffer): string {
  try {
    return (JSON.parse(answer.toString('utf8')) as { message: string }).message;
  } catch {
    return answer.toString('utf8').slice(0, 500);
  }
}
