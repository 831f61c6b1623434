import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { RequestOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LaunchRequest } from '../../../src/bottles/host.ts';
import type { RepositoryRef } from '../../../src/domain/issue.ts';
import type { Operation } from '../../../src/domain/operation.ts';
import type { Done } from '../../../src/domain/run.ts';
import { MemoryForge } from '../../../src/forges/memory/memory-forge.ts';
import { MemorySite } from '../../../src/forges/memory/memory-site.ts';
import type { MemoryPerson } from '../../../src/forges/memory/memory-site.ts';
import type { JournalEntry } from '../../../src/journal/format.ts';
import { createOperationLog } from '../../../src/supervisor/operation-log.ts';
import { createSidecar } from '../../../src/supervisor/sidecar/sidecar.ts';
import type { Sidecar } from '../../../src/supervisor/sidecar/sidecar.ts';

export const branch = 'bot-bottle/issue-1';

/** A sidecar on a unix socket and on a port, with issue #1 as its own and issue #2 as somebody else's. */
export interface Stand {
  readonly socket: string;
  /** The same by TCP, for clients that cannot speak to a socket: `http://127.0.0.1:<port>`. */
  readonly origin: string;
  readonly sidecar: Sidecar;
  readonly site: MemorySite;
  readonly forge: MemoryForge;
  readonly alice: MemoryPerson;
  readonly repository: RepositoryRef;
  readonly entries: JournalEntry[];
  readonly dones: Done[];
  readonly pullRequests: number[];
  readonly comments: number[];
  calls: number;
  /** When set, recording that the agent is done fails with it. */
  doneFailure: Error | undefined;
  /** When set, recording a comment fails with it. */
  commentFailure: Error | undefined;
  operations(): Operation[];
  /** Sends a body and gives the status and the parsed answer. */
  post(
    body: string | Buffer,
    path?: string,
    method?: string,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  /** Makes one call and gives its result. @throws CallError */
  call(method: string, params?: unknown): Promise<CallResult>;
  close(): Promise<void>;
}

/** What tests look at closely; the rest is compared as a whole. */
export interface CallResult {
  readonly number: number;
  readonly body: string;
  readonly [field: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export class CallError extends Error {
  readonly code: number;
  readonly data: { name: string; reason: string };
  constructor(error: { code: number; message: string; data: { name: string; reason: string } }) {
    super(error.message);
    this.code = error.code;
    this.data = error.data;
  }
}

export async function openStand(
  options: { connected?: boolean; launch?: Partial<LaunchRequest>; budget?: number } = {},
): Promise<Stand> {
  const root = await mkdtemp(join(tmpdir(), 'sidecar-'));
  const socket = join(root, 'sidecar.sock');
  const site = new MemorySite();
  const repository = site.addRepository('acme', 'widgets');
  site.grant(repository, 'bot', 'write');
  const alice = site.person('alice', repository);
  alice.openIssue({ title: 'Make it so', body: 'append hello to README.md' });
  alice.openIssue({ title: 'Somebody else’s' });
  const forge = new MemoryForge(site, 'bot');
  const entries: JournalEntry[] = [];

  const sidecar = createSidecar({
    launch: {
      slug: 'acme-widgets-1-0123abcd',
      run: 1,
      workflowId: 'issue/memory.example/acme/widgets/1',
      backend: 'local',
      repository: {
        ...repository,
        cloneUrl: 'https://memory.example/acme/widgets.git',
        defaultBranch: 'main',
      },
      issueNumber: 1,
      branch,
      prompt: '',
      argv: ['true'],
      environment: {},
      gitIdentity: { name: 'Bot', email: 'bot@memory.example' },
      limits: {},
      deadlineMs: 60_000,
      ...options.launch,
    },
    operations: createOperationLog(
      {
        async append(entry) {
          entries.push(entry);
        },
      },
      options.budget,
    ),
    async onDone(done) {
      if (stand.doneFailure !== undefined) {
        throw stand.doneFailure;
      }
      stand.dones.push(done);
    },
    async onPullRequest(number) {
      stand.pullRequests.push(number);
    },
    async onComment(id) {
      if (stand.commentFailure !== undefined) {
        throw stand.commentFailure;
      }
      stand.comments.push(id);
    },
    onCall() {
      stand.calls++;
    },
  });
  if (options.connected !== false) {
    sidecar.setForge(forge);
  }
  const serve = () => createServer((request, response) => void sidecar.handle(request, response));
  const behindSocket = serve().listen(socket);
  const behindPort = serve().listen(0, '127.0.0.1');
  const servers = [behindSocket, behindPort];
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const { port } = behindPort.address() as AddressInfo;

  const stand: Stand = {
    socket,
    origin: `http://127.0.0.1:${port}`,
    sidecar,
    site,
    forge,
    alice,
    repository,
    entries,
    dones: [],
    pullRequests: [],
    comments: [],
    commentFailure: undefined,
    calls: 0,
    doneFailure: undefined,
    operations: () =>
      entries.flatMap((entry) => (entry.type === 'operation' ? [entry.operation] : [])),
    post: (body, path = '/rpc', method = 'POST', headers = {}) =>
      post(body, { socketPath: socket, path, method, headers }),
    async call(method, params) {
      const { text } = await this.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
      const answer = JSON.parse(text);
      if (answer.error !== undefined) {
        throw new CallError(answer.error);
      }
      return answer.result;
    },
    async close() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      await rm(root, { recursive: true, force: true });
    },
  };
  return stand;
}

function post(body: string | Buffer, options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...options, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}
