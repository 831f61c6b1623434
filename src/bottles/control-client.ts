import { connect, type Socket } from 'node:net';
import type { ControlMessage, ControlReply } from './control.ts';

const replyTimeoutMs = 5_000;

/** No supervisor answers, or another one than expected. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

/** A connection to a living supervisor. */
export class ControlClient implements Disposable {
  readonly #socket: Socket;
  /** Resolves when the connection is gone. Never rejects. */
  readonly closed: Promise<void>;
  #received = '';
  #onReply: ((reply: ControlReply) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => socket.destroy());
    socket.setEncoding('utf8').on('data', (text: string) => this.#receive(text));
  }

  /**
   * Connects, and makes sure of who answers.
   * @param nonce from the journal's header
   * @throws ControlError when nobody answers in time, or somebody else
   */
  static async connect(path: string, nonce: string): Promise<ControlClient> {
    const client = new ControlClient(connect(path));
    const reply = await client.#ask({ type: 'hello' });
    if (reply.type === 'hello' && reply.nonce === nonce) return client;
    client[Symbol.dispose]();
    throw new ControlError(`another supervisor answers at ${path}`);
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
    const replied = new Promise<ControlReply>((resolve) => {
      this.#onReply = resolve;
    });
    const timer = setTimeout(() => this.#socket.destroy(), replyTimeoutMs);
    this.#socket.write(`${JSON.stringify(message)}\n`);
    const reply = await Promise.race([replied, this.closed]);
    clearTimeout(timer);
    if (reply === undefined)
      throw new ControlError(`the supervisor does not answer ${message.type}`);
    return reply;
  }

  #receive(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf('\n');
    if (end === -1) return;
    const line = this.#received.slice(0, end);
    this.#received = this.#received.slice(end + 1);
    this.#onReply?.(JSON.parse(line) as ControlReply);
  }
}
