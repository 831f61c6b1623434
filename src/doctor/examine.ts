import { fail, type Check, type Finding, type Trouble } from './check.ts';
import { limited, TooSlowError, type Limits } from './time-limit.ts';

/** What became of a check. */
export interface Result {
  readonly check: string;
  readonly findings: readonly Finding[];
  /** What was seen before it was mended. */
  readonly mended: readonly string[];
}

export interface Examination {
  /** Mend what can be, and look again. */
  readonly fix: boolean;
  /** For one check, and again for what it mends. Default: 10 s. */
  readonly timeLimitMs?: number;
  /** Aborted: what is under way is given up, and nothing more is begun. */
  readonly signal?: AbortSignal;
  /** In the order of the checks. */
  onResult?(result: Result): void;
  /** Names of the checks that are under way, whenever they change. */
  onProgress?(running: readonly string[]): void;
}

const usualTimeLimitMs = 10_000;

/**
 * Runs all checks, each as soon as those that it needs have passed. Takes as long as the longest chain of them, and each
 * check no longer than its time limit, whatever it asks.
 * @throws what `signal` is aborted with, and nothing else
 */
export async function examine(
  checks: readonly Check[],
  { fix, timeLimitMs = usualTimeLimitMs, signal, onResult, onProgress }: Examination,
): Promise<Result[]> {
  const limits = { timeLimitMs, signal };
  const started = new Map<Check, Promise<Result>>();
  const running = new Set<string>();

  function start(check: Check): Promise<Result> {
    const known = started.get(check) ?? conclude(check);
    started.set(check, known);
    return known;
  }

  async function conclude(check: Check): Promise<Result> {
    const needs = check.needs ?? [];
    const needed = await Promise.all(needs.map(start));
    const missing = needs.find((_, index) => !isGood(needed[index]));
    if (missing !== undefined) {
      const seen = `needs ${missing.name}`;
      return { check: check.name, findings: [{ verdict: 'skipped', seen }], mended: [] };
    }
    signal?.throwIfAborted();
    running.add(check.name);
    onProgress?.([...running]);
    try {
      const findings = await look(check, limits);
      return fix
        ? await mendAndLook(check, findings, limits)
        : { check: check.name, findings, mended: [] };
    } finally {
      running.delete(check.name);
      onProgress?.([...running]);
    }
  }

  // Awaited below, one after the other: a rejection before its turn is not unhandled.
  for (const check of checks) start(check).catch(() => undefined);
  const results: Result[] = [];
  for (const check of checks) {
    const result = await start(check);
    results.push(result);
    onResult?.(result);
  }
  return results;
}

function isGood(result: Result | undefined): boolean {
  return (
    result !== undefined &&
    result.findings.every(({ verdict }) => verdict === 'pass' || verdict === 'warn')
  );
}

async function look(check: Check, limits: Limits): Promise<readonly Finding[]> {
  try {
    return await limited(limits, (signal) => check.run(signal));
  } catch (error) {
    limits.signal?.throwIfAborted();
    return [error instanceof TooSlowError ? tooSlow(error) : unforeseen(error)];
  }
}

async function mendAndLook(
  check: Check,
  findings: readonly Finding[],
  limits: Limits,
): Promise<Result> {
  const mendable = findings.filter(isMendable);
  if (mendable.length === 0) {
    return { check: check.name, findings, mended: [] };
  }
  const mended: string[] = [];
  const stubborn: string[] = [];
  for (const { seen, mend } of mendable) {
    try {
      await limited(limits, mend);
      mended.push(seen);
    } catch (error) {
      limits.signal?.throwIfAborted();
      stubborn.push(messageOf(error));
    }
  }
  const again = await look(check, limits);
  const reason = `It could not be mended: ${stubborn.join('; ')}. `;
  return {
    check: check.name,
    findings:
      stubborn.length === 0
        ? again
        : again.map((finding) =>
            isMendable(finding) ? { ...finding, fix: reason + finding.fix } : finding,
          ),
    mended,
  };
}

function isMendable(finding: Finding): finding is Trouble & Required<Pick<Trouble, 'mend'>> {
  return 'mend' in finding && finding.mend !== undefined;
}

function tooSlow({ message }: TooSlowError): Trouble {
  return fail(
    message,
    'What it asks is there and does not answer: look into its log, or start it again.',
  );
}

function unforeseen(error: unknown): Trouble {
  return fail(
    messageOf(error),
    'This was not foreseen: please report it, with the file that `orchestrator doctor --bundle <file>` writes.',
  );
}

/** Of several addresses that all refuse, the error as a whole has a code and no message. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ((error as NodeJS.ErrnoException).code ?? error.name);
}
