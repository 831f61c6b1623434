import { lookup as lookUpName, type LookupAddress, type LookupAllOptions } from 'node:dns';
import { type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http';
import { connect as connectSocket, type LookupFunction, type Socket } from 'node:net';
import type { EgressSummary } from '../../domain/egress.ts';
import { createYoungCollector } from '../young-garbage.ts';
import { type Destination, isAllowed, parseDestination } from './allow-list.ts';
import { isPublicAddress } from './public-address.ts';
import { EgressTally } from './tally.ts';

export interface EgressProxyOptions {
  /** `name` or `*.name`, with an optional `:port`; without it 443 for tunnels and 80 for plain requests. */
  readonly allow: readonly string[];
  /** Called for every connection: a check-in. */
  readonly onCall: () => void;
  /** Resolves a host's name. Default: as this machine does. */
  readonly lookup?: (
    hostname: string,
    options: LookupAllOptions,
    callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
  ) => void;
  /** Whether an address that a name was resolved to may be connected to. Default: those of the public internet. */
  readonly mayReach?: (address: string) => boolean;
}

/** The bottle's HTTP proxy: the only way to other hosts. Names are resolved here, outside of the bottle. */
export interface EgressProxy {
  /**
   * Serves a CONNECT.
   * @param socket whose errors are listened for
   */
  connect(request: IncomingMessage, socket: Socket, head: Buffer): void;
  /** Serves a request whose target is a whole `http://` address. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  summary(): EgressSummary;
}

const maxConnections = 64;
const connectMs = 10_000;
const httpsPort = 443;
const httpPort = 80;
/** Meant for the proxy itself, or for one connection. */
const hopHeaders: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What a bottle is told in place of an answer. */
class EgressRefusal extends Error {
  override readonly name = 'EgressRefusal';
  readonly status: 403 | 502 | 503;
  constructor(status: 403 | 502 | 503, message: string) {
    super(message);
    this.status = status;
  }
}

export function createEgressProxy(options: EgressProxyOptions): EgressProxy {
  const { allow, onCall } = options;
  const resolve = options.lookup ?? lookUpName;
  const mayReach = options.mayReach ?? isPublicAddress;
  const tally = new EgressTally();
  const collect = createYoungCollector();
  let connections = 0;

  /** The name is resolved once, and what it was resolved to is what is connected to: nothing can change in between. */
  const lookup: LookupFunction = (hostname, asked, callback) => {
    resolve(hostname, { all: true }, (error, addresses) => {
      const reachable = error === null ? addresses.filter(({ address }) => mayReach(address)) : [];
      const [first] = reachable;
      if (error !== null) callback(error, '');
      else if (first === undefined) {
        tally.refuse(hostname);
        callback(privateRefusal(hostname), '');
      } else if (asked.all === true) callback(null, reachable);
      else callback(null, first.address, first.family);
    });
  };

  /** @throws EgressRefusal */
  function admit(destination: Destination | undefined, defaultPort: number): Destination {
    if (destination === undefined) {
      tally.refuse('(no name)');
      throw new EgressRefusal(403, 'hosts are reached by their name only, with a port');
    }
    const { host, port } = destination;
    if (!isAllowed(allow, destination, defaultPort)) {
      tally.refuse(host);
      const entry = port === httpsPort ? host : `${host}:${port}`;
      throw new EgressRefusal(
        403,
        `this bottle may not reach ${host}:${port}. Whoever runs the orchestrator can allow it: \`egress: ["${entry}"]\` in the bottle's manifest`,
      );
    }
    if (connections >= maxConnections) {
      throw new EgressRefusal(503, `more than ${maxConnections} connections at once`);
    }
    return destination;
  }

  function count(socket: Socket, host: string): void {
    const counted = tally.allowed(host);
    counted.connections++;
    connections++;
    socket.once('close', () => {
      connections--;
      counted.bytesOut += socket.bytesWritten;
      counted.bytesIn += socket.bytesRead;
    });
    socket.on('data', (chunk: Buffer) => collect(chunk.length));
  }

  return {
    connect(request, socket, head) {
      onCall();
      let destination: Destination;
      try {
        destination = admit(parseDestination(request.url ?? '', undefined), httpsPort);
      } catch (error) {
        endTunnel(socket, error);
        return;
      }
      const { host, port } = destination;
      const outside = connectSocket({ host, port, lookup });
      count(outside, host);
      const late = setTimeout(() => outside.destroy(new Error('no connection')), connectMs);
      let isOpen = false;
      outside.on('error', (error) => {
        if (isOpen) socket.destroy();
        else endTunnel(socket, refusalOf(error, destination));
      });
      outside.on('close', () => {
        clearTimeout(late);
        // What has come is still on its way to the bottle; the bottle's own end is to be seen.
        socket.resume();
      });
      socket.on('close', () => outside.destroy());
      outside.on('connect', () => {
        isOpen = true;
        clearTimeout(late);
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        if (head.length > 0) outside.write(head);
        socket.on('data', (chunk: Buffer) => collect(chunk.length));
        socket.pipe(outside).pipe(socket);
      });
    },

    handle(request, response) {
      onCall();
      response.on('error', () => response.destroy());
      try {
        forward(request, response);
      } catch (error) {
        request.resume();
        endRequest(response, error);
      }
    },

    summary: () => tally.summary(),
  };

  function forward(request: IncomingMessage, response: ServerResponse): void {
    const [, authority = '', path = '/'] =
      /^http:\/\/([^/?#]*)([^#]*)/i.exec(request.url ?? '') ?? [];
    const destination = admit(parseDestination(authority, httpPort), httpPort);
    const { host, port } = destination;
    const named = Object.entries(request.headers).filter(([name]) => !hopHeaders.has(name));
    const outgoing = requestHttp({
      host,
      port,
      lookup,
      agent: false,
      ...(request.method === undefined ? {} : { method: request.method }),
      path: path.startsWith('/') ? path : `/${path}`,
      // Of two hosts in a request another server might take the other one.
      headers: { ...Object.fromEntries(named), host: authority },
    });
    const late = setTimeout(() => outgoing.destroy(new Error('no connection')), connectMs);
    outgoing.on('socket', (socket) => {
      count(socket, host);
      socket.once('connect', () => clearTimeout(late));
    });
    outgoing.on('close', () => {
      clearTimeout(late);
      // As after an answer that switches to another protocol, which nobody asked for.
      if (!response.headersSent)
        endRequest(response, refusalOf(new Error('no answer'), destination));
    });
    outgoing.on('error', (error) => {
      if (response.headersSent) response.destroy();
      else endRequest(response, refusalOf(error, destination));
    });
    outgoing.on('response', (answer) => {
      const { statusCode: status = 0, headers } = answer;
      if (status < 200) {
        outgoing.destroy(new Error(`it answers with the status ${status}`));
        return;
      }
      const passed = Object.entries(headers).filter(([name]) => !hopHeaders.has(name));
      response.writeHead(status, Object.fromEntries(passed));
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    response.on('close', () => outgoing.destroy());
    request.pipe(outgoing);
  }
}

function privateRefusal(host: string): EgressRefusal {
  return new EgressRefusal(
    403,
    `${host} is an address of this machine or of its networks, which no bottle may reach`,
  );
}

function refusalOf(error: Error, { host }: Destination): EgressRefusal {
  if (error instanceof EgressRefusal) return error;
  const code = (error as NodeJS.ErrnoException).code ?? error.message;
  return new EgressRefusal(502, `${host} cannot be reached (${code})`);
}

function endTunnel(socket: Socket, error: unknown): void {
  const { status, text } = describe(error);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${text}`,
  );
}

function endRequest(response: ServerResponse, error: unknown): void {
  const { status, text } = describe(error);
  response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
}

function describe(error: unknown): { status: number; text: string } {
  return error instanceof EgressRefusal
    ? { status: error.status, text: `bot-bottle: ${error.message}\n` }
    : { status: 502, text: 'bot-bottle: the request cannot be passed on\n' };
}
