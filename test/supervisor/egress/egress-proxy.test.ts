import { once } from 'node:events';
import { createServer, type IncomingMessage, request as requestHttp, type Server } from 'node:http';
import {
  connect,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { text } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createEgressProxy,
  type EgressProxy,
  type EgressProxyOptions,
} from '../../../src/supervisor/egress/egress-proxy.ts';
import { isPublicAddress } from '../../../src/supervisor/egress/public-address.ts';
import { until } from '../../support/until.ts';

describe('the egress proxy', () => {
  let echo: TcpServer;
  let site: Server;
  let door: Server;
  let proxy: EgressProxy;
  let resolved: string[];
  let heard: IncomingMessage[];
  const opened = new Set<Socket>();

  beforeEach(async () => {
    resolved = [];
    heard = [];
    echo = createTcpServer((socket) => socket.on('error', () => {}).pipe(socket));
    site = createServer((request, response) => {
      heard.push(request);
      void text(request).then((body) =>
        response.writeHead(201, { 'x-of': 'site' }).end(`got ${body}`),
      );
    });
    door = createServer();
    for (const server of [echo, site, door]) {
      server.on('connection', (socket: Socket) => {
        opened.add(socket);
        socket.on('close', () => opened.delete(socket));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
  });
  afterEach(() => {
    for (const server of [echo, site, door]) server.close();
    for (const socket of opened) socket.destroy();
  });

  const portOf = (server: TcpServer): number => (server.address() as AddressInfo).port;

  /** Every name is this machine here, and this machine may be reached, unless a test says otherwise. */
  function open(options: Partial<EgressProxyOptions> = {}): void {
    proxy = createEgressProxy({
      allow: [`ok.example:${portOf(echo)}`, `*.wild.example:${portOf(echo)}`],
      onCall: () => {},
      lookup: (hostname, _options, callback) => {
        resolved.push(hostname);
        callback(null, [{ address: '127.0.0.1', family: 4 }]);
      },
      mayReach: () => true,
      ...options,
    });
    door.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      proxy.connect(request, socket, head);
    });
    door.on('request', (request, response) => proxy.handle(request, response));
  }

  async function tunnel(authority: string, first = ''): Promise<{ head: string; socket: Socket }> {
    const socket = connect(portOf(door), '127.0.0.1');
    opened.add(socket);
    socket.on('error', () => {});
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n${first}`);
    let head = '';
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      head += String(chunk);
      if (head.startsWith('HTTP/1.1 200') && head.includes('\r\n\r\n')) break;
    }
    return { head, socket };
  }

  test('tunnels to a host of the list, both ways, and counts it', async () => {
    open();
    const { head, socket } = await tunnel(`ok.example:${portOf(echo)}`, 'hello');
    expect(head).toMatch(/^HTTP\/1\.1 200 /);
    let heardBack = head.split('\r\n\r\n')[1] ?? '';
    socket.on('data', (chunk: Buffer) => (heardBack += String(chunk)));
    socket.write(' world');
    await until('the echo', () => heardBack === 'hello world');
    socket.end();
    await until('the count', () => proxy.summary().allowed[0]?.bytesIn === 11);
    expect(proxy.summary()).toEqual({
      allowed: [{ host: 'ok.example', connections: 1, bytesOut: 11, bytesIn: 11 }],
      refused: [],
    });
  });

  test('carries many megabytes', async () => {
    open();
    const { socket } = await tunnel(`ok.example:${portOf(echo)}`);
    const size = 32 * 1024 * 1024;
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    socket.write(Buffer.alloc(size));
    await until('all of it', () => received === size);
  });

  test('passes on to the last byte what a host sends before it closes', async () => {
    const size = 8 * 1024 * 1024;
    echo.removeAllListeners('connection');
    echo.on('connection', (socket) => socket.end(Buffer.alloc(size)));
    open();
    const { head, socket } = await tunnel(`ok.example:${portOf(echo)}`);
    let received = head.length - head.indexOf('\r\n\r\n') - 4;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    await once(socket, 'end');
    expect(received).toBe(size);
  });

  test.each(['a.wild.example', 'A.B.Wild.Example', 'ok.example.', 'OK.example'])(
    'takes %s for one of the list',
    async (host) => {
      open();
      expect((await tunnel(`${host}:${portOf(echo)}`)).head).toMatch(/^HTTP\/1\.1 200 /);
    },
  );

  test.each([
    ['other.example:443', 'may not reach other.example:443', 'egress: ["other.example"]'],
    ['ok.example:443', 'may not reach ok.example:443', 'egress: ["ok.example"]'],
    ['ok.example:22', 'may not reach ok.example:22', 'egress: ["ok.example:22"]'],
    ['wild.example:443', 'may not reach wild.example:443', ''],
    ['xwild.example:443', 'may not reach', ''],
    ['127.0.0.1:443', 'by their name only', ''],
    ['[::1]:443', 'by their name only', ''],
    ['2130706433:443', 'by their name only', ''],
    ['ok.example', 'by their name only', ''],
    ['user@ok.example:443', 'by their name only', ''],
    ['ok.example:0', 'by their name only', ''],
    ['ok.example:99999', 'by their name only', ''],
  ])('refuses %s with 403 before it asks for its address', async (authority, why, how) => {
    open();
    const { head } = await tunnel(authority);
    expect(head).toMatch(/^HTTP\/1\.1 403 /);
    expect(head).toContain(`bot-bottle: `);
    expect(head).toContain(why);
    expect(head).toContain(how);
    expect(resolved).toEqual([]);
    expect(proxy.summary().refused).toEqual([{ host: expect.any(String), count: 1 }]);
  });

  test('knows 443 as the port of an entry without one, and 80 for plain requests', async () => {
    open({ allow: ['ok.example'], mayReach: () => false });
    expect((await tunnel('ok.example:443')).head).toContain('is an address of this machine');
    expect((await tunnel('ok.example:80')).head).toContain('may not reach');
    expect((await plain('http://ok.example/')).body).toContain('is an address of this machine');
    expect((await plain('http://ok.example:443/')).body).toContain('may not reach');
  });

  test('refuses a name that means an address of this machine', async () => {
    open({ mayReach: isPublicAddress });
    const { head } = await tunnel(`ok.example:${portOf(echo)}`);
    expect(head).toMatch(/^HTTP\/1\.1 403 /);
    expect(head).toContain('ok.example is an address of this machine or of its networks');
    expect(proxy.summary().refused).toEqual([{ host: 'ok.example', count: 1 }]);
  });

  test('connects to what it has looked at: a name is resolved once', async () => {
    let asked = 0;
    open({
      mayReach: (address) => address !== '10.0.0.1',
      lookup: (_hostname, _options, callback) => {
        asked++;
        const address = asked === 1 ? '127.0.0.1' : '10.0.0.1';
        callback(null, [
          { address: '10.0.0.1', family: 4 },
          { address, family: 4 },
        ]);
      },
    });
    expect((await tunnel(`ok.example:${portOf(echo)}`)).head).toMatch(/^HTTP\/1\.1 200 /);
    expect(asked).toBe(1);
  });

  test('says when a host is not there', async () => {
    open({
      lookup: (_hostname, _options, callback) =>
        callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), []),
    });
    expect((await tunnel(`ok.example:${portOf(echo)}`)).head).toMatch(
      /502 [^]*ok\.example cannot be reached \(ENOTFOUND\)/,
    );
  });

  test('says when a host does not listen', async () => {
    open();
    const gone = portOf(echo);
    echo.close();
    expect((await tunnel(`ok.example:${gone}`)).head).toMatch(/502 [^]*\(ECONNREFUSED\)/);
  });

  test('lets 64 connections be open at once, and more when some have closed', async () => {
    open();
    const authority = `ok.example:${portOf(echo)}`;
    const tunnels = await Promise.all(Array.from({ length: 64 }, () => tunnel(authority)));
    expect((await tunnel(authority)).head).toMatch(/503 [^]*more than 64 connections at once/);
    tunnels[0]?.socket.destroy();
    await until('a place', async () => (await tunnel(authority)).head.startsWith('HTTP/1.1 200'));
  });

  test('keeps its summary small whatever it is asked for', async () => {
    open();
    for (let i = 0; i < 130; i++) await tunnel(`host${i}.example:443`);
    const { refused } = proxy.summary();
    expect(refused).toHaveLength(101);
    expect(refused.at(-1)).toEqual({ host: '(others)', count: 30 });
  });

  async function plain(
    url: string,
    options: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<{ status: number | undefined; headers: IncomingMessage['headers']; body: string }> {
    const { body, ...rest } = options;
    const outgoing = requestHttp({
      host: '127.0.0.1',
      port: portOf(door),
      path: url,
      agent: false,
      ...rest,
    }).end(body);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
  }

  test('forwards a plain request to the host of its address, without what is meant for the proxy', async () => {
    const port = portOf(site);
    open({ allow: [`ok.example:${port}`] });
    const answer = await plain(`http://ok.example:${port}/a?b=1`, {
      method: 'POST',
      headers: {
        host: 'elsewhere.example',
        'proxy-authorization': 'Basic x',
        'proxy-connection': 'keep-alive',
        'x-mine': 'kept',
      },
      body: 'data',
    });
    expect(answer).toMatchObject({ status: 201, body: 'got data', headers: { 'x-of': 'site' } });
    const [seen] = heard;
    expect(seen).toMatchObject({ method: 'POST', url: '/a?b=1' });
    expect(seen?.headers).toMatchObject({ host: `ok.example:${port}`, 'x-mine': 'kept' });
    expect(Object.keys(seen?.headers ?? {}).filter((name) => name.startsWith('proxy'))).toEqual([]);
  });

  test.each([
    'HTTP/1.1 099 Nonsense\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n',
    'no HTTP at all\r\n\r\n',
    '',
  ])('says 502 when a host answers with %j', async (said) => {
    echo.removeAllListeners('connection');
    echo.on('connection', (socket) => socket.once('data', () => socket.end(said)));
    open();
    expect(await plain(`http://ok.example:${portOf(echo)}/`)).toMatchObject({
      status: 502,
      body: expect.stringContaining('bot-bottle: ok.example cannot be reached ('),
    });
  });

  test.each(['http://other.example/', 'http://127.0.0.1/', 'https://ok.example/', 'ftp://x/'])(
    'refuses the plain request for %s',
    async (url) => {
      open();
      expect(await plain(url)).toMatchObject({
        status: 403,
        body: expect.stringContaining('bot-bottle: '),
      });
      expect(resolved).toEqual([]);
    },
  );
});

test.each([
  ['8.8.8.8', true],
  ['1.1.1.1', true],
  ['2606:4700::1111', true],
  ['127.0.0.1', false],
  ['127.255.0.1', false],
  ['0.0.0.0', false],
  ['10.1.2.3', false],
  ['172.16.0.1', false],
  ['172.31.255.255', false],
  ['172.32.0.1', true],
  ['192.168.1.1', false],
  ['169.254.169.254', false],
  ['100.64.0.1', false],
  ['100.128.0.1', true],
  ['198.18.0.1', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::1', false],
  ['::', false],
  ['::ffff:8.8.8.8', false],
  ['::ffff:127.0.0.1', false],
  ['64:ff9b::7f00:1', false],
  ['fe80::1', false],
  ['fc00::1', false],
  ['fd12::1', false],
  ['ff02::1', false],
  ['2002:7f00:1::', false],
  ['2001:0:1::', false],
  ['2001:db8::1', false],
])('%s is an address of the public internet: %s', (address, isPublic) => {
  expect(isPublicAddress(address)).toBe(isPublic);
});
