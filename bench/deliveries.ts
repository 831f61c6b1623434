import { connect, type Socket } from 'node:net';
import { recordedDelivery, recordedSecret, resigned } from '../test/api/recorded-deliveries.ts';

export const webhookSecret = recordedSecret;
export const webhookPath = '/webhooks/gitea';

const opened = recordedDelivery('01');

/** A real Gitea's delivery of an opened issue with this number, as the bytes of a whole HTTP request. */
export function deliveryOf(issueNumber: number): Buffer {
  const body = opened.rawBody.replaceAll('"number": 1,', `"number": ${issueNumber},`);
  const { headers } = resigned(opened, body, webhookSecret);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${webhookPath} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}

/**
 * A forge's connection, kept alive, that sends one delivery after the other. On a bare socket: a client that costs more
 * than the server would measure itself.
 */
export class DeliveryClient implements Disposable {
  readonly #socket: Socket;
  #received = '';
  #answered: PromiseWithResolvers<void> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk.toString('latin1')));
    socket.on('error', (error) => this.#answered?.reject(error));
    socket.on('close', () => this.#answered?.reject(new Error('the server closed the connection')));
  }

  static connect(url: string): Promise<DeliveryClient> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => resolve(new DeliveryClient(socket)));
      socket.once('error', reject);
    });
  }

  /** Resolves when the delivery is acknowledged. @throws Error with the answer when it is anything but 202 */
  deliver(request: Buffer): Promise<void> {
    this.#answered = Promise.withResolvers();
    this.#socket.write(request);
    return this.#answered.promise;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    const length = /^content-length: (\d+)/im.exec(this.#received)?.[1];
    if (headEnd < 0 || this.#received.length < headEnd + 4 + Number(length)) {
      return;
    }
    const answer = this.#received;
    this.#received = '';
    if (answer.startsWith('HTTP/1.1 202 ')) {
      this.#answered?.resolve();
    } else {
      this.#answered?.reject(new Error(`a delivery was not acknowledged: ${answer}`));
    }
  }
}
