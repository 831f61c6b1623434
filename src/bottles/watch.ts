import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Operation } from '../domain/operation.ts';
import type { RunEnd } from '../domain/run.ts';
import type { Usage } from '../domain/usage.ts';
import { followJournalInBatches } from '../journal/reader.ts';
import { ControlClient, ControlError } from './control-client.ts';
import { type HostContext, runPathsOf, socketsOf } from './host-context.ts';
import type { ForgeCredentials, RunKey, RunObserver } from './host.ts';
import { readRunState } from './run-state.ts';

const attachRetryMs = 500;
const credentialsRetryMs = 2_000;
const checkinPollMs = 1_000;

/** `BottleHost.watch`. */
export async function watchRun(
  host: HostContext,
  run: RunKey,
  credentials: () => Promise<ForgeCredentials>,
  observer: RunObserver,
  signal: AbortSignal,
): Promise<RunEnd> {
  const { journal, checkin } = runPathsOf(host, run);
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  const staying = Promise.all([
    stayAttached(host, run, credentials, until),
    relayCheckins(checkin, observer, until),
  ]);
  try {
    const operations = new OrderedOperations(observer);
    for await (const entries of followJournalInBatches(journal, signal)) {
      // The newest tells all that those before it did.
      let usage: Usage | undefined;
      for (const entry of entries) {
        signal.throwIfAborted();
        switch (entry.type) {
          case 'operation':
            operations.add(entry.operation);
            break;
          case 'pull-request':
            await operations.handOver();
            await observer.pullRequest(entry.number);
            break;
          case 'comment':
            await operations.handOver();
            await observer.comment(entry.id);
            break;
          case 'done':
            await operations.handOver();
            await observer.done(entry.done);
            break;
          case 'session':
            await observer.session(entry.id);
            break;
          case 'usage':
            usage = entry.usage;
            break;
          case 'ended':
            await operations.handOver();
            if (usage !== undefined) await observer.usage(usage);
            return entry.end;
          // Of no concern to the observer, as is what a newer supervisor may write.
          case 'claimed':
          case 'agent-starting':
          case 'agent-started':
          case 'launch-failed':
          case 'operation-started':
            break;
        }
      }
      await operations.handOver();
      if (usage !== undefined) await observer.usage(usage);
    }
    throw signal.reason;
  } finally {
    over.abort();
    await staying;
  }
}

/** Puts operations in the order of their numbers: in the journal a quick one may stand before a slow one. */
class OrderedOperations {
  readonly #observer: RunObserver;
  readonly #early = new Map<number, Operation>();
  #ready: Operation[] = [];
  #last: number;

  constructor(observer: RunObserver) {
    this.#observer = observer;
    this.#last = observer.lastSequence;
  }

  add(operation: Operation): void {
    // Handed over before, by this watch or by one before it.
    if (operation.sequence <= this.#last) return;
    this.#early.set(operation.sequence, operation);
    for (let next; (next = this.#early.get(this.#last + 1)) !== undefined; this.#last++) {
      this.#early.delete(next.sequence);
      this.#ready.push(next);
    }
  }

  /** Gives on what has no gap before it. */
  async handOver(): Promise<void> {
    const batch = this.#ready;
    this.#ready = [];
    if (batch.length > 0) await this.#observer.operations(batch);
  }
}

/** Keeps a connection to the supervisor, with the credentials pushed, for as long as there is a supervisor. */
async function stayAttached(
  host: HostContext,
  run: RunKey,
  credentials: () => Promise<ForgeCredentials>,
  signal: AbortSignal,
): Promise<void> {
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  while (!signal.aborted) {
    try {
      const found = await readRunState(runPathsOf(host, run).journal);
      if (found.state === 'alive') {
        const pushed = await Promise.race([credentials(), aborted]);
        if (pushed === undefined) return;
        using control = await ControlClient.connect(
          socketsOf(host, run).control,
          found.supervisor.nonce,
        );
        await control.send({ type: 'attach', credentials: pushed });
        await Promise.race([control.closed, aborted]);
      }
      await pause(attachRetryMs, signal);
    } catch (error) {
      // A supervisor that does not listen, or a forge that does not say who we are: neither ends the watch.
      await pause(error instanceof ControlError ? attachRetryMs : credentialsRetryMs, signal);
    }
  }
}

async function relayCheckins(
  path: string,
  observer: RunObserver,
  signal: AbortSignal,
): Promise<void> {
  let last = 0;
  while (!signal.aborted) {
    const at = await stat(path).then(
      ({ mtimeMs }) => Math.round(mtimeMs),
      () => 0,
    );
    if (at > last) observer.checkin(at);
    last = Math.max(last, at);
    await pause(checkinPollMs, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
