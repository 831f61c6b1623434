import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { StopReason } from '../domain/run.ts';
import type { ControlMessage, ControlReply } from './control.ts';
import type { ForgeCredentials } from './host.ts';
import { onLines } from './lines.ts';

/** What a supervisor does when it is told something. */
export interface ControlHandler {
  attach(credentials: ForgeCredentials): void;
  go(): void;
  abandon(reason: string, retryable: boolean): void;
  stop(reason: StopReason): void;
}

/** The supervisor's end of the control socket. */
export class ControlServer {
  readonly #server: Server;
  readonly #connections = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens at `path`, which nothing may exist at. */
  static async listen(
    path: string,
    nonce: string,
    handler: ControlHandler,
  ): Promise<ControlServer> {
    const server = createServer();
    const control = new ControlServer(server);
    server.on('connection', (socket) => control.#serve(socket, nonce, handler));
    server.listen(path);
    await once(server, 'listening');
    return control;
  }

  /** Whether an orchestrator holds a connection: it watches, or what the forge is asked for at the launch is still to come. */
  get isHeld(): boolean {
    return this.#connections.size > 0;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#connections) socket.destroy();
  }

  #serve(socket: Socket, nonce: string, handler: ControlHandler): void {
    this.#connections.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#connections.delete(socket));
    onLines(socket, (line) => {
      const reply = this.#answer(line, nonce, handler);
      socket.write(`${JSON.stringify(reply)}\n`);
    });
  }

  #answer(line: string, nonce: string, handler: ControlHandler): ControlReply {
    let message: ControlMessage;
    try {
      message = JSON.parse(line) as ControlMessage;
    } catch {
      return { type: 'error', message: 'not a line of JSON' };
    }
    switch (message.type) {
      case 'hello':
        return { type: 'hello', nonce };
      case 'attach':
        handler.attach(message.credentials);
        return { type: 'ok' };
      case 'go':
        handler.go();
        return { type: 'ok' };
      case 'abandon':
        handler.abandon(message.reason, message.retryable);
        return { type: 'ok' };
      case 'stop':
        handler.stop(message.reason);
        return { type: 'ok' };
      default:
        // A newer orchestrator may know messages that this supervisor does not.
        return { type: 'error', message: 'this supervisor does not know that message' };
    }
  }
}
