import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import type { LauncherChannel, LauncherMessage } from '../launch-protocol.ts';
import { onLines } from '../lines.ts';
import type { FromContainer, ToContainer } from './container-protocol.ts';

/** A launcher has a few lines to say. */
const mostSaid = 1024 * 1024;

/** The supervisor's end of the connections that a container's launcher makes. */
export class LauncherLink {
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly channel: LauncherChannel;
  /** Resolves when the launcher is there. */
  readonly connected: Promise<void>;
  /** Resolves when the agent has ended or the launcher is gone, with the agent's exit code if it is known. */
  readonly ended: Promise<number | undefined>;
  readonly #path: string;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #connected = Promise.withResolvers<void>();
  readonly #executed = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<number | undefined>();
  #onMessage: (message: LauncherMessage) => void = () => {};

  /** Nothing may exist at `path`. */
  constructor(path: string) {
    this.#path = path;
    this.#server = createServer((socket) => this.#accept(socket));
    this.connected = this.#connected.promise;
    this.ended = this.#ended.promise;
    this.channel = {
      send: (message) => this.#send(message),
      onMessage: (listener) => {
        this.#onMessage = (message) => listener(message, undefined);
      },
      closed: Promise.race([this.#executed.promise, this.#ended.promise.then(() => {})]),
    };
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#path);
    await once(this.#server, 'listening');
    // The launcher is the bottle's user. It alone connects: the socket is gone before the agent starts.
    chmodSync(this.#path, 0o666);
  }

  /** Asks everything inside to end. */
  terminate(): void {
    this.#send({ type: 'terminate' }).catch(() => {});
  }

  /**
   * The launcher, if there is one, ends with everything inside. Output is read to its end, which comes when nobody is left
   * to write any.
   */
  close(): void {
    const [launcher, ...outputs] = this.#sockets;
    this.#server.close();
    launcher?.destroy();
    this.#ended.resolve(undefined);
    for (const output of [this.stdout, this.stderr].slice(outputs.length)) output.end();
  }

  /** In the order in which the launcher made them. */
  #accept(socket: Socket): void {
    const place = this.#sockets.push(socket);
    socket.on('error', () => socket.destroy());
    if (place === 1) {
      this.#listenTo(socket);
      return;
    }
    const output = place === 2 ? this.stdout : this.stderr;
    socket.on('close', () => output.end());
    socket.pipe(output);
    if (place === 3) {
      this.#server.close();
      rmSync(this.#path, { force: true });
      this.#connected.resolve();
    }
  }

  #listenTo(socket: Socket): void {
    socket.on('close', () => this.#ended.resolve(undefined));
    let said = 0;
    socket.on('data', (text: string) => {
      said += text.length;
      if (said > mostSaid) socket.destroy();
    });
    onLines(socket, (line) => {
      try {
        this.#take(JSON.parse(line) as FromContainer);
      } catch {
        // The agent has the launcher's user: what a debugger makes the launcher say ends the run, and no more than that.
        socket.destroy();
      }
    });
  }

  #take(message: FromContainer): void {
    if (message.type === 'executed') this.#executed.resolve();
    else if (message.type === 'exited') this.#ended.resolve(message.code);
    else this.#onMessage(message);
  }

  async #send(message: ToContainer): Promise<void> {
    const [socket] = this.#sockets;
    if (socket === undefined) throw new Error('the launcher has not come yet');
    await new Promise<void>((resolve, reject) => {
      socket.write(`${JSON.stringify(message)}\n`, (error) =>
        error === null || error === undefined ? resolve() : reject(error),
      );
    });
  }
}
