import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BottleBackend, RunningSandbox, SidecarRelay } from '../bottles/backend.ts';
import { ControlServer } from '../bottles/control-server.ts';
import {
  type BottlePaths,
  bottlePaths,
  mirrorPath,
  type RunPaths,
  runPaths,
} from '../bottles/directory.ts';
import type { ForgeCredentials, LaunchRequest } from '../bottles/host.ts';
import { type LaunchFile, readRequestFile } from '../bottles/launch-file.ts';
import { ownIdentity } from '../bottles/liveness.ts';
import { hasBranch } from '../bottles/repository-refs.ts';
import { emptySocketDirectories } from '../bottles/sockets.ts';
import { systemEnvironment } from '../bottles/system.ts';
import type { Done } from '../domain/run.ts';
import type { Forge } from '../forges/forge.ts';
import { journalVersion } from '../journal/format.ts';
import { OutputLog } from '../journal/output-log.ts';
import { claimJournal, type JournalWriter } from '../journal/writer.ts';
import { cloneOrder } from './agent-environment.ts';
import { AgentOutput } from './agent-output.ts';
import { launchAgent, LaunchFailure } from './agent-launch.ts';
import { createCallRecord } from './call-record.ts';
import { Checkin } from './checkin.ts';
import { openCloneDoor } from './clone-door.ts';
import { type Door, openDoor } from './door.ts';
import { type EndCause, Ending } from './ending.ts';
import type { ProviderLimit } from './llm-gateway/provider-limit.ts';
import { createOperationLog, type OwnedOperationLog } from './operation-log.ts';
import { judgeEnd } from './run-end.ts';
import { createServices, type Services } from './services.ts';
import type { ReadySpare } from './spare.ts';
import { keepVigil } from './vigil.ts';
import { createYoungCollector } from './young-garbage.ts';

/** Longer than any request to the forge may take. */
const settleMs = 35_000;
/** As much garbage as a call may leave behind, with what the forge answered. */
const callBytes = 160 * 1024;
/** Bytes that are left behind by a byte of output: an event is decoded, taken apart and written anew. */
const garbagePerByte = 8;
/** For the last output to come through the pipes when all writers are gone. */
const drainMs = 2_000;
/** What a supervisor is made with. */
export interface SuperviseParts {
  readonly backend: BottleBackend;
  /** Used if it was made for the run's bottle, and ended if not. */
  readonly spare: ReadySpare | undefined;
  readonly createForge: (request: LaunchRequest, credentials: ForgeCredentials) => Forge;
  /** Aborts when the process is asked to end. */
  readonly terminated: AbortSignal;
}

/**
 * Claims a run and lives it from the sandbox's start to the sealed journal. Does nothing when the run is claimed already.
 * What must outlast this process is in the journal, and everything it starts dies with it.
 */
export async function supervise(file: LaunchFile, parts: SuperviseParts): Promise<void> {
  const nonce = randomUUID();
  const paths = bottlePaths(file.dataDirectory, file.sandbox.slug);
  const journal = await claimJournal(runPaths(paths.runs, file.sandbox.run).journal, {
    type: 'claimed',
    version: journalVersion,
    at: Date.now(),
    slug: file.sandbox.slug,
    run: file.sandbox.run,
    supervisor: ownIdentity(nonce),
  });
  if (journal === undefined) return;
  if (existsSync(paths.tombstone)) {
    // Launched before a destroy and claimed after it: nobody else will stop this run.
    await journal.seal({ type: 'ended', end: { outcome: 'cancelled', endedAt: Date.now() } });
    return;
  }
  const { sockets } = file;
  const spare = parts.spare?.sockets.run === sockets.run ? parts.spare : undefined;
  if (spare === undefined) {
    emptySocketDirectories(sockets);
    // Made for another bottle than came.
    parts.spare?.sandbox.end();
    parts.spare?.door.close();
  }
  await new Supervisor(file, paths, { ...parts, spare }, journal).live(nonce);
  rmSync(sockets.run, { recursive: true, force: true });
}

class Supervisor {
  readonly #file: LaunchFile;
  readonly #paths: BottlePaths;
  readonly #run: RunPaths;
  readonly #parts: SuperviseParts;
  readonly #journal: JournalWriter;
  readonly #operations: OwnedOperationLog;
  readonly #checkin: Checkin;
  readonly #ending = new Ending();
  readonly #go = Promise.withResolvers<LaunchRequest>();
  /** The agent may start: what it reaches through the door is there. */
  readonly #served = Promise.withResolvers<void>();
  readonly #abandoned = Promise.withResolvers<never>();
  #door: Door | undefined;
  /** Undefined until somebody says go. */
  #request: LaunchRequest | undefined;
  #services: Services | undefined;
  #credentials: ForgeCredentials | undefined;
  #done: Done | undefined;
  /** Why the models answer no more, if they do not. */
  #shortage: EndCause | undefined;
  readonly #collect = createYoungCollector();
  readonly #output: AgentOutput;
  /** Epoch milliseconds of `agent-starting`; undefined while the claim may still be given up. */
  #begunAt: number | undefined;

  constructor(file: LaunchFile, paths: BottlePaths, parts: SuperviseParts, journal: JournalWriter) {
    this.#file = file;
    this.#paths = paths;
    this.#run = runPaths(paths.runs, file.sandbox.run);
    this.#parts = parts;
    this.#journal = journal;
    this.#operations = createOperationLog(journal);
    this.#checkin = new Checkin(
      this.#run.checkin,
      async () => (await this.#door?.answers()) ?? false,
    );
    this.#output = new AgentOutput(
      new OutputLog(this.#run.output),
      (id) => void journal.append({ type: 'session', at: Date.now(), id }).catch(() => {}),
    );
    // Whoever waits hears of it; when nobody waits any more it means nothing.
    this.#abandoned.promise.catch(() => {});
  }

  /** Resolves when the journal is sealed, or the claim given up. */
  async live(nonce: string): Promise<void> {
    const { sockets, timing } = this.#file;
    const door = this.#parts.spare?.door ?? (await openDoor(sockets.sidecar));
    this.#door = door;
    const sandbox = this.#spawn();
    const control = await this.#openControl(nonce);
    using _vigil = keepVigil({
      timing,
      directory: this.#paths.root,
      deadlineMs: () => this.#request?.deadlineMs ?? Infinity,
      isAttached: () => control.isHeld,
      begunAt: () => this.#begunAt,
      onForsaken: () => this.#abandon('no orchestrator said go'),
      onOverdue: () =>
        this.#ending.request({
          outcome: 'deadline',
          reason: 'long past its deadline, with no orchestrator attached',
        }),
      onDiskFull: () =>
        this.#ending.request({ outcome: 'lost', reason: "the data directory's disk is full" }),
    });
    const { terminated } = this.#parts;
    if (terminated.aborted) this.#onTerminated();
    terminated.addEventListener('abort', () => this.#onTerminated());

    const failure = await this.#launch(sandbox, door);
    if (failure === undefined) await this.#untilEnd(sandbox);
    else await this.#giveUp(failure, sandbox);
    control.close();
    door.close();
  }

  #spawn(): RunningSandbox {
    const { sandbox: request, runtimeDirectory, sockets } = this.#file;
    const { spare, backend } = this.#parts;
    const sandbox =
      spare?.sandbox.adopt(this.#paths, request.limits) ??
      backend.spawn({
        paths: this.#paths,
        socketDirectory: sockets.mounted,
        runtimeDirectory,
        promptFile: this.#run.prompt,
        tools: request.tools ?? [],
        limits: request.limits,
        request,
        relay: this.#createRelay(),
      });
    for (const name of ['stdout', 'stderr'] as const) {
      sandbox[name].on('data', (chunk: Buffer) => {
        this.#output[name](chunk);
        this.#checkin.onOutput();
        this.#collect(chunk.length * garbagePerByte);
      });
    }
    return sandbox;
  }

  #createRelay(): SidecarRelay {
    return {
      context: () => {
        const credentials = this.#credentials;
        if (credentials === undefined) throw new Error('the forge is not connected yet');
        return { request: readRequestFile(this.#run.request), credentials };
      },
      record: createCallRecord({
        operations: this.#operations,
        onDone: (done) => this.#onDone(done),
        onPullRequest: (number) => this.#onPullRequest(number),
        onComment: (id) => this.#onComment(id),
        onCall: () => this.#checkin.onCall(),
      }),
    };
  }

  #openControl(nonce: string): Promise<ControlServer> {
    return ControlServer.listen(this.#file.sockets.control, nonce, {
      attach: (credentials) => {
        this.#credentials = credentials;
        this.#services?.setCredentials(credentials);
      },
      go: () => void this.#onGo().catch((error: unknown) => this.#abandon(String(error))),
      abandon: (reason, retryable) => this.#abandoned.reject(new LaunchFailure(reason, retryable)),
      stop: (outcome) => this.#ending.request({ outcome }),
    });
  }

  /** What the run is about is known now. */
  async #onGo(): Promise<void> {
    if (this.#request !== undefined) return;
    const request = readRequestFile(this.#run.request);
    this.#request = request;
    this.#output.expect(request.provider ?? 'script');
    // A clone needs none of them.
    this.#go.resolve(request);
    const services = await createServices({
      file: this.#file,
      request,
      createForge: this.#parts.createForge,
      operations: this.#operations,
      isDone: () => this.#done !== undefined,
      onDone: (done) => this.#onDone(done),
      onPullRequest: (number) => this.#onPullRequest(number),
      onComment: (id) => this.#onComment(id),
      onCall: () => {
        this.#checkin.onCall();
        this.#collect(callBytes);
      },
      // Not durable, and none is missed when the disk is full: each has all that were before it.
      onUsage: (usage) =>
        void this.#journal.append({ type: 'usage', at: Date.now(), usage }).catch(() => {}),
      onLimit: (limit) => this.#onLimit(limit),
      onBudget: (reason) => this.#onBudget(reason),
    });
    this.#services = services;
    if (this.#credentials !== undefined) services.setCredentials(this.#credentials);
    this.#door?.serve(services.routes, services.proxy);
    this.#served.resolve();
  }

  /** Resolves when the agent runs or the run is to end; with a failure, when the claim is to be given up. */
  async #launch(sandbox: RunningSandbox, door: Door): Promise<LaunchFailure | undefined> {
    const clonedMark = join(this.#paths.root, 'cloned');
    const isCloned = existsSync(clonedMark);
    using cloneDoor = isCloned ? undefined : await this.#openCloneDoor();
    const launched = launchAgent({
      sandbox,
      request: this.#go.promise,
      clone: async (request) =>
        isCloned
          ? undefined
          : cloneOrder(request, hasBranch(this.#mirror, this.#file.sandbox.branch)),
      onListening: (listener) => listener !== undefined && door.adopt(listener),
      beforeStart: async () => {
        cloneDoor?.[Symbol.dispose]();
        await Promise.all([writeFile(clonedMark, ''), this.#served.promise]);
        this.#goOnOnlyIfWanted();
        this.#begunAt = Date.now();
        await this.#journal.append(
          { type: 'agent-starting', at: this.#begunAt },
          { durable: true },
        );
        this.#goOnOnlyIfWanted();
      },
    }).then(() => this.#journal.append({ type: 'agent-started', at: Date.now() }));
    try {
      await Promise.race([launched, this.#ending.requested, this.#abandoned.promise]);
      return undefined;
    } catch (error) {
      if (!(error instanceof LaunchFailure)) throw error;
      const mayGiveUp = this.#begunAt === undefined && this.#ending.cause === undefined;
      return mayGiveUp ? error : undefined;
    } finally {
      launched.catch(() => {});
    }
  }

  get #mirror(): string {
    return mirrorPath(this.#file.dataDirectory, this.#file.sandbox.repository.id);
  }

  #openCloneDoor(): Promise<Disposable> {
    return openCloneDoor(this.#file.sockets.clone, this.#mirror, systemEnvironment);
  }

  #goOnOnlyIfWanted(): void {
    if (this.#ending.cause !== undefined) throw new LaunchFailure('the run is to end', true);
  }

  /** Leaves a claim that may be replaced. */
  async #giveUp(failure: LaunchFailure, sandbox: RunningSandbox): Promise<void> {
    await sandbox.kill();
    this.#output.close();
    const { message: reason, retryable } = failure;
    await this.#journal.append(
      { type: 'launch-failed', at: Date.now(), reason, retryable },
      { durable: true },
    );
    await this.#journal.close();
  }

  async #untilEnd(sandbox: RunningSandbox): Promise<void> {
    const first = await Promise.race([
      sandbox.exited,
      this.#ending.requested.then(() => undefined),
    ]);
    if (first === undefined) await this.#terminate(sandbox);
    // What the agent left behind ends with it.
    await sandbox.kill();
    await Promise.race([(await sandbox.exited).drained, delay(drainMs)]);
    const output = this.#output.close();
    const [unwritten, used] = await Promise.all([
      this.#operations.settle(settleMs),
      this.#services?.close(),
    ]);
    const { runBudget, issueBudget } = this.#request?.llm ?? {};
    const end = judgeEnd(
      {
        exit: first,
        wished: this.#ending.cause,
        shortage: this.#shortage,
        done: this.#done,
        begunAt: this.#begunAt,
        used: used ?? {},
        countsDollars: runBudget?.usd !== undefined || issueBudget?.usd !== undefined,
        output,
      },
      Date.now(),
    );
    await this.#journal.seal({ type: 'ended', end }, unwritten);
  }

  async #terminate(sandbox: RunningSandbox): Promise<void> {
    sandbox.terminate();
    await Promise.race([sandbox.exited, delay(this.#file.timing.afterTerm)]);
  }

  #onPullRequest(number: number): Promise<void> {
    const entry = { type: 'pull-request', at: Date.now(), number } as const;
    return this.#journal.append(entry, { durable: true });
  }

  #onComment(id: number): Promise<void> {
    return this.#journal.append({ type: 'comment', at: Date.now(), id });
  }

  /** Without a time of reset there is nothing to wait for: the agent has heard of it, and its end tells why. */
  #onLimit({ resetsAt, reason }: ProviderLimit): void {
    // What is done has nothing to go on with later.
    if (this.#done !== undefined) return;
    if (resetsAt === undefined) this.#shortage ??= { outcome: 'exited', reason };
    else this.#ending.request({ outcome: 'parked', reason, parkedUntil: resetsAt });
  }

  #onBudget(reason: string): void {
    if (this.#shortage?.outcome === 'budget') return;
    const cause = { outcome: 'budget', reason } as const;
    this.#shortage = cause;
    setTimeout(() => this.#ending.request(cause), this.#file.timing.afterBudget);
  }

  async #onDone(done: Done): Promise<void> {
    await this.#journal.append({ type: 'done', at: Date.now(), done }, { durable: true });
    this.#done = done;
    setTimeout(() => this.#ending.request({ outcome: 'done' }), this.#file.timing.afterDone);
  }

  #onTerminated(): void {
    const reason = 'the supervisor was asked to terminate';
    if (this.#begunAt === undefined) this.#abandon(reason);
    else this.#ending.request({ outcome: 'lost', reason });
  }

  #abandon(reason: string): void {
    this.#abandoned.reject(new LaunchFailure(reason, true));
  }
}
