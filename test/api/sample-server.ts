import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { ensureApiToken } from '../../src/api/api-token.ts';
import type {
  CommandAnswer,
  IssueCommand,
  TimelineEntry,
  WorkflowStatus,
} from '../../src/api/issue-commands.ts';
import { buildServer, type ServerParts } from '../../src/api/server.ts';
import { WebhookReceipts } from '../../src/api/webhook-receipts.ts';
import { formatIssue, type IssueRef } from '../../src/domain/issue.ts';
import type { Phase } from '../../src/domain/run.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { NewRun, Store } from '../../src/store/store.ts';

/** A server over a real store, with stand-ins for Temporal and for the host's bottles. */
export interface SampleServer {
  readonly server: FastifyInstance;
  readonly store: Store;
  readonly directory: string;
  readonly token: string;
  readonly authorization: { readonly authorization: string };
  readonly temporal: StandInForTemporal;
  readonly outputs: StandInForBottles;
  readonly receipts: WebhookReceipts;
  /** Everything logged so far. */
  readonly log: string[];
  stop(): Promise<void>;
}

export async function startSampleServer(
  parts: Partial<Pick<ServerParts, 'checks' | 'names'>> = {},
): Promise<SampleServer> {
  const directory = await mkdtemp(join(tmpdir(), 'api-'));
  const store = await openStore(join(directory, 'orchestrator.db'));
  const token = await ensureApiToken(join(directory, 'api-token'));
  const temporal = new StandInForTemporal();
  const outputs = new StandInForBottles();
  const receipts = new WebhookReceipts();
  const log: string[] = [];
  const server = await buildServer({
    store,
    commands: temporal,
    bottles: outputs,
    checks: parts.checks ?? [],
    receipts,
    token,
    names: parts.names ?? { host: '127.0.0.1', publicUrl: undefined, allowedHosts: [] },
    version: '1.2.3',
    logger: pino({ level: 'debug' }, { write: (line: string) => void log.push(line) }),
  });
  return {
    server,
    store,
    directory,
    token,
    authorization: { authorization: `Bearer ${token}` },
    temporal,
    outputs,
    receipts,
    log,
    async stop() {
      await server.close();
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
}

export class StandInForTemporal {
  readonly sent: { issue: string; command: IssueCommand }[] = [];
  answer: CommandAnswer | Error = { answer: 'accepted', phase: 'freezing' };
  workflowStatus: WorkflowStatus | Error | undefined;
  entries: readonly TimelineEntry[] = [];

  async send(issue: IssueRef, command: IssueCommand): Promise<CommandAnswer> {
    this.sent.push({ issue: formatIssue(issue), command });
    return unlessError(this.answer);
  }

  async status(): Promise<WorkflowStatus | undefined> {
    return unlessError(this.workflowStatus);
  }

  async timeline(): Promise<readonly TimelineEntry[] | undefined> {
    return this.workflowStatus === undefined ? undefined : this.entries;
  }
}

function unlessError<T>(value: T | Error): T {
  if (value instanceof Error) {
    throw value;
  }
  return value;
}

/** Output that a test writes piece by piece, and that ends when the test says so. */
export class StandInForBottles {
  private readonly written: string[] = [];
  private ended = false;
  private wake = Promise.withResolvers<void>();
  private failure: Error | undefined;
  /** How many follow now. */
  following = 0;
  /** Without the line that says which run this is. */
  silent = false;

  write(text: string): void {
    this.written.push(text);
    this.notify();
  }

  end(): void {
    this.ended = true;
    this.notify();
  }

  fail(error: Error): void {
    this.failure = error;
    this.notify();
  }

  async *readOutput(
    run: { slug: string; run: number },
    options: { follow: boolean; signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    this.following++;
    const aborted = new Promise<never>((_, reject) => {
      options.signal.addEventListener('abort', () => reject(options.signal.reason as Error));
    });
    aborted.catch(() => {});
    try {
      if (!this.silent) {
        yield Buffer.from(`${run.slug} run ${run.run}\n`);
      }
      for (let next = 0; ;) {
        while (next < this.written.length) {
          yield Buffer.from(this.written[next++] ?? '');
        }
        if (this.failure !== undefined) {
          throw this.failure;
        }
        if (this.ended || !options.follow) {
          return;
        }
        await Promise.race([this.wake.promise, aborted]);
      }
    } finally {
      this.following--;
    }
  }

  private notify(): void {
    this.wake.resolve();
    this.wake = Promise.withResolvers();
  }
}

export const sampleRepository = {
  forgeHost: 'gitea.example',
  id: 7,
  owner: 'acme',
  name: 'rocket',
};

/** Begins a life of `acme/rocket#<number>` and brings it to `phase`. */
export async function addIssue(
  store: Store,
  number: number,
  more: {
    phase?: Phase;
    title?: string;
    agent?: string;
    life?: number;
    attention?: string;
    prNumber?: number;
    beganAt?: number;
    lastCheckinAt?: number;
  } = {},
): Promise<{ issue: IssueRef; slug: string }> {
  const { firstSeen } = await store.repositories.see(sampleRepository);
  const issue: IssueRef = { repository: firstSeen, number };
  const life = more.life ?? 1;
  const slug = `acme-rocket-${number}-0000000${life}`;
  await store.issues.beginLife({
    issue,
    workflowId: `issue/gitea.example/acme/rocket/${number}`,
    life,
    slug,
    title: more.title ?? 'Add a countdown',
    url: `https://gitea.example/acme/rocket/issues/${number}`,
    agentName: more.agent ?? 'implementer',
    bottleNames: ['node'],
    backendName: 'local',
    agentGitUser: 'bot',
    branch: `bot-bottle/issue-${number}`,
    prNumber: more.prNumber,
    beganAt: more.beganAt ?? Date.now(),
  });
  await store.issues.update(issue, {
    ...(more.phase !== undefined && { phase: more.phase }),
    ...(more.attention !== undefined && { attention: more.attention }),
    ...(more.lastCheckinAt !== undefined && { lastCheckinAt: more.lastCheckinAt }),
  });
  return { issue, slug };
}

/** Records a run; with `end`, one that is over. */
export async function addRun(
  store: Store,
  life: { issue: IssueRef; slug: string },
  run: number,
  end?: Parameters<Store['runs']['ended']>[2],
  lifeNumber = 1,
  more: Partial<NewRun> = {},
): Promise<void> {
  await store.runs.prepare({
    issue: life.issue,
    slug: life.slug,
    life: lifeNumber,
    run,
    agentName: 'implementer',
    bottleNames: ['node'],
    backendName: 'local',
    hostId: 'host-1',
    prompt: 'do it',
    promptDigest: 'd'.repeat(64),
    cause: run === 1 ? 'targeted' : 'comment by alice',
    provider: 'script',
    model: undefined,
    runBudget: {},
    issueBudget: {},
    manifestDigest: 'e'.repeat(64),
    ...more,
  });
  await store.runs.started(life.slug, run, Date.UTC(2026, 0, 1));
  await store.issues.update(life.issue, { run });
  if (end !== undefined) {
    await store.runs.ended(life.slug, run, end);
    await store.issues.update(life.issue, { outcome: end.outcome });
  }
}
