import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface BackendCall {
  readonly request: IncomingMessage;
  /** The request's body. */
  readonly body: AsyncIterable<Buffer>;
  readonly response: ServerResponse;
  /** The bare repository. */
  readonly repository: string;
  /** Path below the repository, e.g. `/info/refs`. */
  readonly path: string;
  readonly query: string;
  /** Complete: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * A push whose request has arrived whole is carried on when the client goes away: killed between the forge's ref
   * and the mirror's, it would leave them apart.
   */
  readonly finishWithoutClient: boolean;
}

export interface BackendEnd {
  /** What the hook wrote to descriptor 3. */
  readonly verdict: string;
  /** The last of what git complained of, for the log. */
  readonly complaint: string;
}

const maxHeaderBytes = 16 * 1024;
const keptCharacters = 2000;

/**
 * A pack of a few KB may unpack to many GB, on the host: what a push may use is bounded, for git and for the hook.
 * git maps packs whole if it may, and several threads need memory each: it is told to get by with less.
 */
const boundedBackend = [
  'prlimit',
  ...['--as=1073741824', '--cpu=600', '--'],
  'git',
  ...['-c', 'core.packedGitWindowSize=32m', '-c', 'core.packedGitLimit=256m'],
  ...['-c', 'core.bigFileThreshold=64m', '-c', 'pack.windowMemory=64m', '-c', 'pack.threads=1'],
  'http-backend',
] as const;

/**
 * Runs `git http-backend` (CGI) for one request, streaming both ways. Everything of the response is written
 * but its end, which is left to the caller. Resolves when git has exited; never rejects for what git or the client did.
 */
export async function runHttpBackend(call: BackendCall): Promise<BackendEnd> {
  const { request, response } = call;
  const [program, ...args] =
    call.path === '/git-receive-pack' ? boundedBackend : (['git', 'http-backend'] as const);
  const child = spawn(program, args, {
    env: cgiEnvironment(call),
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const verdict = tail(child.stdio[3] as Readable);
  const complaint = tail(child.stderr);
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });

  const onClientGone = (): void => {
    if (!(call.finishWithoutClient && request.complete)) {
      child.kill('SIGTERM');
    }
  };
  response.once('close', onClientGone);

  // Either side may end first: git refuses a push before it has read it, a client hangs up in mid-answer.
  const sent = pipeline(Readable.from(call.body), child.stdin).catch(() => request.resume());
  const answered = answer(child.stdout, response).catch(() => child.stdout.resume());
  await Promise.all([exited, sent, answered]);

  response.off('close', onClientGone);
  if (!response.headersSent && !response.destroyed) {
    response.writeHead(500, { 'content-type': 'text/plain' }).write('bot-bottle: git failed\n');
  }
  return { verdict: verdict(), complaint: complaint() };
}

function cgiEnvironment({ request, repository, path, query, environment }: BackendCall) {
  const header = (name: string): string => String(request.headers[name] ?? '');
  return {
    ...environment,
    GATEWAY_INTERFACE: 'CGI/1.1',
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_PROJECT_ROOT: repository,
    PATH_INFO: path,
    QUERY_STRING: query,
    REQUEST_METHOD: request.method ?? '',
    CONTENT_TYPE: header('content-type'),
    CONTENT_LENGTH: header('content-length'),
    HTTP_CONTENT_ENCODING: header('content-encoding'),
    GIT_PROTOCOL: header('git-protocol'),
    REMOTE_USER: 'bottle',
    REMOTE_ADDR: 'bottle',
  };
}

/** Turns the CGI answer into a response, up to its end. */
async function answer(stdout: Readable, response: ServerResponse): Promise<void> {
  let head = Buffer.alloc(0);
  const chunks = stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    const { value, done } = await chunks.next();
    if (done === true) {
      return;
    }
    head = Buffer.concat([head, value]);
    const match = /\r?\n\r?\n/.exec(head.toString('latin1', 0, maxHeaderBytes));
    if (match !== null) {
      const { status, headers } = parseCgiHead(head.toString('latin1', 0, match.index));
      response.writeHead(status, headers);
      const rest = head.subarray(match.index + match[0].length);
      await pipeline(
        (async function* () {
          yield rest;
          yield* { [Symbol.asyncIterator]: () => chunks };
        })(),
        response,
        { end: false },
      );
      return;
    }
    if (head.length > maxHeaderBytes) {
      throw new Error('git http-backend sent no header');
    }
  }
}

function parseCgiHead(head: string): { status: number; headers: [string, string][] } {
  let status = 200;
  const headers: [string, string][] = [];
  for (const line of head.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim();
    const value = line.slice(colon + 1).trim();
    if (name.toLowerCase() === 'status') {
      status = Number.parseInt(value, 10);
    } else if (colon > 0) {
      headers.push([name, value]);
    }
  }
  return { status, headers };
}

/** Drains a stream and gives the last of it. */
function tail(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-keptCharacters);
  });
  stream.on('error', () => undefined);
  return () => text.trim();
}
