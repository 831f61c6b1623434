import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { ControlMessage, ControlReply } from './control.ts';

const replyTimeoutMs = 5_000;

/** No supervisor answers, or another one than expected. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

/** A connection to a living supervisor. */
export class ControlClient implements Disposable {
  readonly #socket: Socket;
  readonly #replies: AsyncIterator<string>;
  /** Resolves when the connection is gone. Never rejects. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#replies = createInterface({ input: socket })[Symbol.asyncIterator]();
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /**
   * Connects, and makes sure of who answers.
   * @param nonce from the journal's header
   * @throws ControlError when nobody answers, or somebody else
   */
  static async connect(path: string, nonce: string): Promise<ControlClient> {
    const socket = connect(path);
    socket.setTimeout(replyTimeoutMs, () => {
      if (socket.connecting) socket.destroy();
    });
    const client = new ControlClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.on('error', (cause) =>
        reject(new ControlError(`no supervisor answers at ${path}`, { cause })),
      );
      socket.once('close', () => reject(new ControlError(`no supervisor answers at ${path}`)));
    });
    const reply = await client.#ask({ type: 'hello' });
    if (reply.type !== 'hello' || reply.nonce !== nonce) {
      socket.destroy();
      throw new ControlError(`another supervisor answers at ${path}`);
    }
    return client;
  }

  /** Sends one message and waits until it was heard. One at a time. */
  async send(message: Exclude<ControlMessage, { type: 'hello' }>): Promise<void> {
    const reply = await this.#ask(message);
    if (reply.type === 'error') throw new ControlError(reply.message);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #ask(message: ControlMessage): Promise<ControlReply> {
    const timer = setTimeout(() => this.#socket.destroy(), replyTimeoutMs);
    try {
      this.#socket.write(`${JSON.stringify(message)}\n`);
      const line = await this.#replies.next();
      if (line.done === true) throw new ControlError('the supervisor hung up without an answer');
      return JSON.parse(line.value) as ControlReply;
    } finally {
      clearTimeout(timer);
    }
  }
}
