import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BottleDestroyedError, LaunchRefusedError } from '../domain/errors.ts';
import type { ProcessIdentity } from '../journal/format.ts';
import { type Journal, followJournal, readJournal } from '../journal/reader.ts';
import type { BottleBackend } from './backend.ts';
import { ControlClient, ControlError } from './control-client.ts';
import {
  type HostContext,
  newSocketsOf,
  pathsOf,
  runPathsOf,
  socketsOf,
  withBottle,
} from './host-context.ts';
import type {
  ForgeCredentials,
  Launched,
  LaunchOrder,
  LaunchRequest,
  RunKey,
  SandboxRequest,
} from './host.ts';
import type { LaunchFile } from './launch-file.ts';
import { isAlive } from './liveness.ts';
import { writeManifest } from './manifest.ts';
import { makePromptFile } from './prompt-file.ts';
import { readRunState, waitForDeath } from './run-state.ts';
import { sealRun } from './stop.ts';
import { makeSocketDirectories, type SocketPaths } from './sockets.ts';
import { becomeBottle, isMadeFor, type Spare } from './spare.ts';
import { giveOrder, isRunning, startSupervisor } from './supervisor-process.ts';
import { claimUid } from './uid.ts';

const exitMs = 60_000;
/** From a supervisor's start, or the run that it is given, until it has claimed it: one that is stopped does so never. */
const claimMs = 20_000;
const connectRetryMs = 10;

/**
 * `BottleHost.launch`: the sandbox starts while the forge is asked and the mirror is brought up to date; the supervisor is told
 * to go on when all of it is there.
 * Killed at any point, the next launch finds a living supervisor and goes on with it, or a dead claim and replaces it.
 */
export async function launchRun(
  host: HostContext,
  sandbox: SandboxRequest,
  order: LaunchOrder,
  signal: AbortSignal,
): Promise<Launched> {
  signal.throwIfAborted();
  const backend = host.backends.get(sandbox.backend);
  if (backend === undefined) {
    throw new LaunchRefusedError(
      `The bottle backend \`${sandbox.backend}\` is not usable on this host.`,
    );
  }
  const over = await withBottle(host, sandbox.slug, async () => {
    refuseDestroyed(host, sandbox.slug);
    return await clearWay(host, sandbox);
  });
  if (over !== undefined) return over;

  const aborter = new AbortController();
  const ready = getReady(host, sandbox, order, AbortSignal.any([signal, aborter.signal]));
  ready.catch(() => {});
  try {
    const supervisor = await findOrStartSupervisor(host, backend, sandbox, signal);
    if (supervisor === undefined) return await launchRun(host, sandbox, order, signal);
    using control = await connectTo(host, sandbox, supervisor, signal);
    if (control !== undefined) {
      await leadToGo(host, control, supervisor, ready, signal);
    }
    return await untilStarted(host, sandbox, supervisor, signal);
  } finally {
    aborter.abort();
    host.spares?.keep();
  }
}

/** What a supervisor is told to go with. */
interface Ready {
  readonly request: LaunchRequest;
  readonly credentials: ForgeCredentials;
}

/** Waits for what the forge is asked for, and for the mirror, which is brought up to date meanwhile. */
async function getReady(
  host: HostContext,
  { branch }: SandboxRequest,
  order: LaunchOrder,
  signal: AbortSignal,
): Promise<Ready> {
  signal.throwIfAborted();
  const aborted = rejectedBy(signal);
  const mirror = async (): Promise<ForgeCredentials> => {
    const { repository, credentials } = await Promise.race([order.source, aborted]);
    await host.mirrors.update(repository, branch, credentials, signal);
    return credentials;
  };
  const [request, credentials] = await Promise.all([
    Promise.race([order.request, aborted]),
    mirror(),
  ]);
  return { request, credentials };
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

/**
 * Looks whether there is anything left to launch, and puts a claim aside that died before its agent was to start.
 * @returns what a launch of this run that is over already says; undefined when there is one to make or to go on with
 */
async function clearWay(host: HostContext, request: RunKey): Promise<Launched | undefined> {
  const { root, journal } = runPathsOf(host, request);
  const run = await readRunState(journal);
  const known = await readJournal(journal);
  if (run.state === 'absent' || known === undefined) return undefined;
  if (run.state === 'ended' || known.startingAt !== undefined) return launchedOf(known);
  if (run.state === 'alive') {
    if (known.launchFailure === undefined) return undefined;
    if (!(await waitForDeath(run.supervisor, exitMs))) {
      throw new Error('the supervisor that gave its claim up does not end');
    }
  }
  if (run.state === 'dead' && known.header?.supervisor === undefined) {
    // Claimed by a stop that was cut short before it could seal.
    await sealRun(host, request);
    return { startedAt: undefined };
  }
  const earlier = (await readdir(root)).filter((name) => /^journal\.\d+\.ndjson$/.test(name));
  await rename(journal, join(root, `journal.${earlier.length + 1}.ndjson`));
  return undefined;
}

/** Undefined when the supervisor that was found ended meanwhile: look again. */
async function findOrStartSupervisor(
  host: HostContext,
  backend: BottleBackend,
  request: SandboxRequest,
  signal: AbortSignal,
): Promise<ProcessIdentity | undefined> {
  const { journal } = runPathsOf(host, request);
  const given = await withBottle(host, request.slug, async () => {
    if (existsSync(journal)) return undefined;
    refuseDestroyed(host, request.slug);
    return await giveToSupervisor(host, backend, request);
  });
  const child = given?.supervisor;
  const exited = new AbortController();
  child?.once('exit', () => exited.abort());
  // A spare one may have died while it was given the run.
  if (child !== undefined && !isRunning(child)) exited.abort();
  const tooLong = AbortSignal.timeout(claimMs);
  const over = AbortSignal.any([signal, exited.signal, tooLong]);
  try {
    for await (const entry of followJournal(journal, over)) {
      if (entry.type === 'claimed') return entry.supervisor;
    }
  } finally {
    // Not before the claim: until then its supervisor may still be making it. What cannot be removed now is at the next start.
    if (given?.unused !== undefined) void host.spares?.remove(given.unused).catch(() => {});
  }
  signal.throwIfAborted();
  if (existsSync(journal)) return undefined;
  if (tooLong.aborted) child?.kill('SIGKILL');
  throw new Error(`the supervisor did not start: ${await supervisorSaid(host, request)}`);
}

interface Given {
  readonly supervisor: ChildProcess;
  /** It waited with a sandbox that is not the bottle's. */
  readonly unused?: Spare;
}

/** Makes the bottle, and has a supervisor run it: the one that waits, or a new one. */
async function giveToSupervisor(
  host: HostContext,
  backend: BottleBackend,
  request: SandboxRequest,
): Promise<Given> {
  const { launch, supervisorLog } = runPathsOf(host, request);
  const spare = await host.spares?.take();
  if (spare === undefined) {
    await makeBottle(host, backend, request);
    const supervisor = await startSupervisor(host.runtimeDirectory, supervisorLog);
    giveOrder(supervisor, { type: 'launch', file: launch });
    return { supervisor };
  }
  const { supervisor } = spare;
  const paths = pathsOf(host, request.slug);
  const isUsed = isMadeFor(spare, request) && !existsSync(paths.root);
  try {
    if (isUsed) {
      await becomeBottle(spare, paths, launchFileOf(host, request, spare.sockets));
    } else {
      await makeBottle(host, backend, request);
      await rename(spare.log, supervisorLog);
    }
  } catch (error) {
    await host.spares?.dismiss(spare);
    throw error;
  }
  giveOrder(supervisor, { type: 'launch', file: launch });
  return isUsed ? { supervisor } : { supervisor, unused: spare };
}

/** Each step may have been made before. */
async function makeBottle(
  host: HostContext,
  backend: BottleBackend,
  request: SandboxRequest,
): Promise<void> {
  const { slug, workflowId, run: number, image, tools = [], limits } = request;
  const paths = pathsOf(host, slug);
  const run = runPathsOf(host, request);
  const left = socketsOf(host, request).root;
  const sockets = newSocketsOf(host, request);
  await mkdir(run.root, { recursive: true, mode: 0o700 });
  makePromptFile(run.prompt);
  makeSocketDirectories(sockets);
  const makeState = async (): Promise<void> => {
    const uid = claimUid(host.dataDirectory, slug);
    await writeManifest(paths, {
      version: 1,
      slug,
      workflowId,
      backend: backend.name,
      ...(uid === undefined ? {} : { uid }),
      createdAt: Date.now(),
    });
    await backend.prepare({
      paths,
      run: number,
      image,
      tools,
      limits,
      socketDirectory: sockets.mounted,
      runtimeDirectory: host.runtimeDirectory,
      promptFile: run.prompt,
    });
  };
  const file = launchFileOf(host, request, sockets);
  await Promise.all([
    // Of a spare that had become this bottle, and was never given the run.
    left === sockets.root ? undefined : rm(left, { recursive: true, force: true }),
    chmod(run.root, 0o711),
    makeState(),
    writeFile(run.launch, JSON.stringify(file), { mode: 0o600 }),
  ]);
}

function launchFileOf(
  host: HostContext,
  request: SandboxRequest,
  sockets: SocketPaths,
): LaunchFile {
  return {
    version: 1,
    dataDirectory: host.dataDirectory,
    runtimeDirectory: host.runtimeDirectory,
    sockets,
    sandbox: request,
    timing: host.timing,
  };
}

/** Undefined when the supervisor ended instead of answering. */
async function connectTo(
  host: HostContext,
  request: RunKey,
  supervisor: ProcessIdentity,
  signal: AbortSignal,
): Promise<ControlClient | undefined> {
  while (isAlive(supervisor)) {
    signal.throwIfAborted();
    try {
      return await ControlClient.connect(socketsOf(host, request).control, supervisor.nonce);
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      await delay(connectRetryMs);
    }
  }
  return undefined;
}

async function leadToGo(
  host: HostContext,
  control: ControlClient,
  supervisor: ProcessIdentity,
  ready: Promise<Ready>,
  signal: AbortSignal,
): Promise<void> {
  try {
    // A supervisor that is stopped meanwhile need not be told, and what the forge is asked for need not be waited for.
    const order = await Promise.race([ready, control.closed.then(() => undefined)]);
    if (order === undefined) return;
    const { request, credentials } = order;
    const run = runPathsOf(host, request);
    await Promise.all([
      writeFile(run.request, JSON.stringify(request), { mode: 0o600 }),
      // In place: it is mounted already.
      writeFile(run.prompt, request.prompt),
      control.send({ type: 'attach', credentials }),
    ]);
    await control.send({ type: 'go' });
  } catch (error) {
    // A supervisor that ends meanwhile, stopped by somebody else say, tells why in its journal.
    if (error instanceof ControlError) return;
    // Whoever launches next goes on with this supervisor.
    if (signal.aborted) throw error;
    const retryable = !(error instanceof LaunchRefusedError);
    await control.send({ type: 'abandon', reason: String(error), retryable }).catch(() => {});
    // The next attempt finds a claim that it can replace.
    await waitForDeath(supervisor, exitMs);
    throw error;
  }
}

async function untilStarted(
  host: HostContext,
  request: RunKey,
  supervisor: ProcessIdentity,
  signal: AbortSignal,
): Promise<Launched> {
  const { journal } = runPathsOf(host, request);
  const dead = new AbortController();
  const watching = setInterval(() => {
    if (!isAlive(supervisor)) dead.abort();
  }, 100);
  try {
    for await (const entry of followJournal(journal, AbortSignal.any([signal, dead.signal]))) {
      if (entry.type === 'agent-started' || entry.type === 'ended') break;
      if (entry.type === 'launch-failed') {
        // Its claim can be replaced when it is gone.
        await waitForDeath(supervisor, exitMs);
        if (entry.retryable) throw new Error(entry.reason);
        throw new LaunchRefusedError(entry.reason);
      }
    }
  } finally {
    clearInterval(watching);
  }
  const known = await readJournal(journal);
  const over = known?.startingAt !== undefined || known?.end !== undefined;
  if (known !== undefined && over) return launchedOf(known);
  signal.throwIfAborted();
  throw new Error(
    `the supervisor died before it started the agent: ${await supervisorSaid(host, request)}`,
  );
}

function launchedOf(journal: Journal): Launched {
  return { startedAt: journal.startedAt ?? journal.startingAt };
}

function refuseDestroyed(host: HostContext, slug: string): void {
  if (existsSync(pathsOf(host, slug).tombstone)) {
    throw new BottleDestroyedError(`The bottle ${slug} was destroyed.`);
  }
}

/** The last of what it wrote to its log. */
async function supervisorSaid(host: HostContext, request: RunKey): Promise<string> {
  const log = await readFile(runPathsOf(host, request).supervisorLog, 'utf8').catch(() => '');
  return log.trim().slice(-1000) || 'it says nothing of why';
}
