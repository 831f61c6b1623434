import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Operation } from '../domain/operation.ts';
import type { RunEnd } from '../domain/run.ts';
import { followJournal } from '../journal/reader.ts';
import { ControlClient, ControlError } from './control-client.ts';
import { type HostContext, runPathsOf, socketsOf } from './host-context.ts';
import type { ForgeCredentials, RunKey, RunObserver } from './host.ts';
import { readRunState } from './run-state.ts';

const attachRetryMs = 500;
const checkinPollMs = 1_000;

/** `BottleHost.watch`. */
export async function watchRun(
  host: HostContext,
  run: RunKey,
  credentials: ForgeCredentials,
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
    for await (const entry of followJournal(journal, signal)) {
      switch (entry.type) {
        case 'operation':
          await operations.add(entry.operation);
          break;
        case 'pull-request':
          await observer.pullRequest(entry.number);
          break;
        case 'done':
          await observer.done(entry.done);
          break;
        case 'ended':
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
    throw signal.reason;
  } finally {
    over.abort();
    await staying;
  }
}

/** Gives operations on in the order of their numbers: in the journal a quick one may stand before a slow one. */
class OrderedOperations {
  readonly #observer: RunObserver;
  readonly #early = new Map<number, Operation>();
  #last: number;

  constructor(observer: RunObserver) {
    this.#observer = observer;
    this.#last = observer.lastSequence;
  }

  async add(operation: Operation): Promise<void> {
    this.#early.set(operation.sequence, operation);
    for (let next; (next = this.#early.get(this.#last + 1)) !== undefined; this.#last++) {
      await this.#observer.operation(next);
      this.#early.delete(next.sequence);
    }
  }
}

/** Keeps a connection to the supervisor, with the credentials pushed, for as long as there is a supervisor. */
async function stayAttached(
  host: HostContext,
  run: RunKey,
  credentials: ForgeCredentials,
  signal: AbortSignal,
): Promise<void> {
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  while (!signal.aborted) {
    const found = await readRunState(runPathsOf(host, run).journal);
    if (found.state === 'alive') {
      try {
        using control = await ControlClient.connect(
          socketsOf(host, run).control,
          found.supervisor.nonce,
        );
        await control.send({ type: 'attach', credentials });
        await Promise.race([control.closed, aborted]);
      } catch (error) {
        if (!(error instanceof ControlError)) throw error;
      }
    }
    await pause(attachRetryMs, signal);
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
