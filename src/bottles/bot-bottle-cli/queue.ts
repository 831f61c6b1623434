import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { doneStatuses, type Done } from '../../domain/run.ts';
import type { OperationName, SidecarMethod } from '../../domain/operation.ts';
import type { SidecarCall } from '../backend.ts';

const pollMs = 200;
const eventBytes = 1024 * 1024;
const summaryCharacters = 4 * 1024;

/** Where the CLI's sidecar writes in one run. @param runRoot the run's own directory */
export function queuePath(runRoot: string): string {
  return join(runRoot, 'queue');
}

/**
 * Follows the directory to which the CLI's sidecar writes its calls: `<name>.json`, one each, put there whole and never changed.
 * They are told in the order of their names, each once, one after the other.
 */
export class QueueReader {
  readonly #directory: string;
  readonly #tell: (call: SidecarCall) => Promise<void>;
  readonly #told = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #reading: Promise<void> = Promise.resolve();

  constructor(directory: string, tell: (call: SidecarCall) => Promise<void>) {
    this.#directory = directory;
    this.#tell = tell;
    this.#timer = setInterval(() => void this.#read(), pollMs);
  }

  /** Resolves when all that is there now is told, and tells no more after it. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#read();
  }

  #read(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#tellNew());
    return this.#reading;
  }

  /** One that cannot be recorded is tried again with the next look. */
  async #tellNew(): Promise<void> {
    try {
      for (const name of await listEvents(this.#directory)) {
        if (this.#told.has(name)) continue;
        await this.#tell(await readEvent(join(this.#directory, name)));
        this.#told.add(name);
      }
    } catch {
      return;
    }
  }
}

/** In the order in which they are told; none where there is no queue. */
export async function listEvents(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.endsWith('.json') && !name.startsWith('.')).toSorted();
}

/** Whatever is in it: a file in the queue is a call. */
export async function readEvent(path: string): Promise<SidecarCall> {
  try {
    const file = await lstat(path);
    if (!file.isFile() || file.size > eventBytes) return unreadable('is no file of a fitting size');
    return parseEvent(await readFile(path, 'utf8'));
  } catch (error) {
    return unreadable(`cannot be read: ${(error as Error).message}`);
  }
}

/** `{"method", "params"}` and `"result"` or `"error": {"name", "message"}`: a call of the sidecar with its answer. */
export function parseEvent(text: string): SidecarCall {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return unreadable('is not JSON');
  }
  const { method, params, result, error } = asObject(value);
  const parameters = asObject(params);
  const operation = nameOf(method);
  const failed = error === undefined || error === null ? undefined : asObject(error);
  const known = {
    operation,
    arguments: operation === 'unknown' ? { method } : parameters,
    target: Number.isInteger(parameters['number']) ? `#${String(parameters['number'])}` : '',
  };
  if (failed !== undefined) {
    const reason = [failed['name'], failed['message']].filter((part) => typeof part === 'string');
    return {
      ...known,
      outcome: failed['name'] === 'ForgeScopeError' ? 'rejected' : 'error',
      reason: reason.join(': ').slice(0, 500),
    };
  }
  const answered = asObject(result);
  return {
    ...known,
    outcome: 'ok',
    ...(operation === 'signal_done' ? { done: readDone(parameters) } : {}),
    ...numberOf('pullRequest', operation === 'open_pr' ? answered['number'] : undefined),
    ...numberOf('comment', operation === 'post_comment' ? answered['id'] : undefined),
  };
}

const methods: Readonly<Record<SidecarMethod, true>> = {
  read_issue: true,
  read_pr: true,
  read_comments: true,
  post_comment: true,
  update_description: true,
  open_pr: true,
  signal_done: true,
};

function nameOf(method: unknown): OperationName {
  return typeof method === 'string' && Object.hasOwn(methods, method)
    ? (method as SidecarMethod)
    : 'unknown';
}

/** The agent is done, whatever it calls it: a word that we do not have is for a person to judge. */
function readDone({ status, summary }: Record<string, unknown>): Done {
  const text =
    typeof summary === 'string' ? summary.slice(0, summaryCharacters).toWellFormed() : '';
  const known = doneStatuses.find((word) => word === status);
  return known === undefined
    ? { status: 'partial', summary: `(status ${JSON.stringify(status) ?? 'missing'}) ${text}` }
    : { status: known, summary: text };
}

function numberOf<Name extends string>(name: Name, value: unknown): { [N in Name]?: number } {
  return (Number.isInteger(value) ? { [name]: value } : {}) as { [N in Name]?: number };
}

function unreadable(problem: string): SidecarCall {
  return {
    operation: 'unknown',
    arguments: {},
    target: '',
    outcome: 'error',
    reason: `an event of the queue ${problem}`,
  };
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
