import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerCreateOptions } from 'dockerode';
import { callEngine, EngineError } from './engine-call.ts';

/** How long a daemon may be away, because it is restarted, before the end of a container counts as failed. */
const awayMs = 30_000;

/** A container of the Engine behind a socket. */
export class Container {
  readonly #socket: string;
  readonly #path: string;

  /** @param name or its id */
  constructor(socket: string, name: string) {
    this.#socket = socket;
    this.#path = `/containers/${name}`;
  }

  static async create(
    socket: string,
    { name = '', ...options }: ContainerCreateOptions,
  ): Promise<Container> {
    await callEngine(socket, 'POST', `/containers/create?name=${name}`, options);
    return new Container(socket, name);
  }

  /** Resolves when it runs, whoever has started it. */
  async start(): Promise<void> {
    await callEngine(this.#socket, 'POST', `${this.#path}/start`);
  }

  /** Resolves when it does not run. */
  async wait(): Promise<void> {
    await callEngine(this.#socket, 'POST', `${this.#path}/wait?condition=not-running`);
  }

  async wantedMoreMemory(): Promise<boolean> {
    const answer = await callEngine(this.#socket, 'GET', `${this.#path}/json`);
    const { State } = JSON.parse(answer.toString('utf8')) as { State: { OOMKilled: boolean } };
    return State.OOMKilled;
  }

  async log(): Promise<string> {
    return withoutFrames(
      await callEngine(this.#socket, 'GET', `${this.#path}/logs?stdout=1&stderr=1`),
    );
  }

  /** Kills everything inside, and resolves when nothing of it is left. It may have ended, or be gone. */
  async end(): Promise<void> {
    const end = Date.now() + awayMs;
    for (;;) {
      try {
        // 404: it is gone. 409: it does not run.
        await accepting([404, 409], callEngine(this.#socket, 'POST', `${this.#path}/kill`));
        await accepting([404], this.wait());
        return;
      } catch (error) {
        if (error instanceof EngineError || Date.now() > end) throw error;
        await delay(200);
      }
    }
  }

  async remove(): Promise<void> {
    // 409: somebody else is removing it.
    await accepting([404, 409], callEngine(this.#socket, 'DELETE', `${this.#path}?force=1&v=1`));
  }
}

/** Waits for a request, and takes it as done when the Engine answers with one of these. */
export async function accepting(
  statuses: readonly number[],
  request: Promise<unknown>,
): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!statuses.includes((error as { statusCode?: number }).statusCode ?? 0)) throw error;
  }
}

/** Docker's log is in frames: 8 bytes of header, the last 4 of them the length of what follows. */
function withoutFrames(log: Buffer): string {
  const texts: Buffer[] = [];
  for (let at = 0; at + 8 <= log.length;) {
    const end = at + 8 + log.readUInt32BE(at + 4);
    texts.push(log.subarray(at + 8, end));
    at = end;
  }
  return Buffer.concat(texts).toString('utf8');
}
