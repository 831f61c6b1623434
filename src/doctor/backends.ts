import type { BackendCheck, BottleLimits } from '../bottles/backend.ts';
import { defaultBackend, type findBackends, usableBackends } from '../bottles/registry.ts';
import type { BackendName } from '../domain/bottle.ts';
import { fail, pass, warn, type Check, type Finding } from './check.ts';

/** As manifests call them. */
const limitKeys: Readonly<Record<keyof BottleLimits, string>> = {
  memoryBytes: 'memory',
  cpus: 'cpus',
  pids: 'pids',
  diskBytes: 'disk',
};

/** None of our backends keeps `disk`. */
const expected: readonly (keyof BottleLimits)[] = ['memoryBytes', 'cpus', 'pids'];

export type FoundBackends = Awaited<ReturnType<typeof findBackends>>;

export interface BackendParts {
  /** Looks each time it is called. */
  readonly find: () => Promise<FoundBackends>;
  /** What bottles ask for: a backend, or none in particular. */
  readonly wanted: () => Promise<readonly (BackendName | undefined)[]>;
}

/** Whether each works here, and which limits it keeps. What no bottle asks for is only a warning. */
export function backendsCheck({ find, wanted }: BackendParts): Check {
  return {
    name: 'bottle backends',
    async run() {
      const [found, asked] = await Promise.all([find(), wanted()]);
      const usable = usableBackends(found);
      const needed = new Set(asked.map((name) => name ?? defaultBackend(usable)));
      return found.map(({ backend: { name }, check }) =>
        judge(name, check, needed.has(name) || (usable.size === 0 && name === 'local')),
      );
    },
  };
}

function judge(name: BackendName, check: BackendCheck, isNeeded: boolean): Finding {
  if (!check.usable) {
    return (isNeeded ? fail : warn)(`${name}: ${check.reason}`, check.fix);
  }
  // The external CLI keeps limits of its own, which it does not tell.
  if (name === 'bot-bottle') return pass(`${name} works`);
  const kept = check.limits.map((limit) => limitKeys[limit]);
  const notKept = expected.filter((limit) => !check.limits.includes(limit));
  const seen = `${name} works; limits that are kept: ${kept.join(', ') || 'none'}`;
  if (notKept.length === 0) return pass(seen);
  const names = notKept.map((limit) => limitKeys[limit]).join(', ');
  return warn(
    `${seen}; not kept: ${names}`,
    name === 'docker'
      ? 'Start the Docker Engine where it may use the cgroup controllers memory, cpu and pids.'
      : 'Run the orchestrator as root where /sys/fs/cgroup can be written, or use Docker bottles: an agent that runs wild takes the machine with it.',
  );
}
