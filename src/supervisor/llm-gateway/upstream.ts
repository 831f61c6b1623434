import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { Refusal } from './refusal.ts';

export interface UpstreamTiming {
  /** Until there is a connection. */
  readonly connectMs: number;
  /** Without a byte, also in the middle of an answer. */
  readonly silenceMs: number;
}

export interface UpstreamRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer | undefined;
}

/** Connections to the model servers, kept for the next request. */
export class Upstream {
  readonly #timing: UpstreamTiming;
  readonly #http = new HttpAgent({ keepAlive: true });
  readonly #https = new HttpsAgent({ keepAlive: true });

  constructor(timing: UpstreamTiming) {
    this.#timing = timing;
  }

  /**
   * Resolves with the head of the answer; redirects are answers. A connection that was kept may have been closed at the
   * other end at the very moment: then the request is sent once more.
   * @throws Refusal, without an address in it
   */
  async send(request: UpstreamRequest): Promise<IncomingMessage> {
    try {
      const { answer, reused } = await this.#exchange(request);
      if (answer !== undefined) return answer;
      if (reused) {
        const again = await this.#exchange(request);
        if (again.answer !== undefined) return again.answer;
      }
    } catch (error) {
      throw refusalOf(error, this.#timing);
    }
    throw refusalOf({ code: 'ECONNRESET' }, this.#timing);
  }

  /** Ends everything that is under way. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  /** @returns no answer when the connection was reset before there was one */
  #exchange({ url, body, ...rest }: UpstreamRequest): Promise<{
    answer?: IncomingMessage;
    reused: boolean;
  }> {
    return new Promise((resolve, reject) => {
      const secure = url.startsWith('https:');
      const options = {
        ...rest,
        headers: {
          ...rest.headers,
          ...(body === undefined ? {} : { 'content-length': body.length }),
        },
        agent: secure ? this.#https : this.#http,
      };
      const outgoing = (secure ? requestHttps : requestHttp)(url, options);
      outgoing.on('response', (answer) => resolve({ answer, reused: outgoing.reusedSocket }));
      outgoing.on('error', (error) => {
        if ((error as NodeJS.ErrnoException).code === 'ECONNRESET' && outgoing.reusedSocket) {
          resolve({ reused: true });
        } else {
          reject(error);
        }
      });
      limitTime(outgoing, secure, this.#timing);
      outgoing.end(body);
    });
  }
}

function limitTime(outgoing: ClientRequest, secure: boolean, timing: UpstreamTiming): void {
  outgoing.setTimeout(timing.silenceMs, () => outgoing.destroy(new TimeoutError('silent')));
  outgoing.on('socket', (socket) => {
    if (!socket.connecting) return;
    const late = setTimeout(
      () => outgoing.destroy(new TimeoutError('no connection')),
      timing.connectMs,
    );
    const done = (): void => clearTimeout(late);
    socket.once(secure ? 'secureConnect' : 'connect', done);
    socket.once('close', done);
  });
}

class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** Node's messages name the address, which is none of the agent's business; its codes do not. */
function refusalOf(error: unknown, timing: UpstreamTiming): Refusal {
  if (error instanceof TimeoutError) {
    return error.message === 'silent'
      ? new Refusal(504, `the model server has said nothing for ${timing.silenceMs / 1000} s`)
      : new Refusal(504, `no connection to the model server within ${timing.connectMs / 1000} s`);
  }
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return new Refusal(
    502,
    `the model server cannot be reached, or broke the connection off (${code})`,
  );
}
