import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process as `/proc` has it. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** Undefined when it is another user's and we are not root. */
  readonly cwd: string | undefined;
}

/** All processes that descend from `pid`. */
export function descendantsOf(pid: number): ProcessInfo[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)));
  const found: ProcessInfo[] = [];
  let parents = [pid];
  while (parents.length > 0) {
    const children = all.filter(({ parent }) => parents.includes(parent));
    found.push(...children);
    parents = children.map((child) => child.pid);
  }
  return found;
}

/** False for a zombie too. */
export function isRunning(pid: number): boolean {
  return readProcess(pid).length > 0;
}

function readProcess(pid: number): ProcessInfo[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? [] : [{ pid, parent: Number(parent), cwd: cwdOf(pid) }];
  } catch {
    return [];
  }
}

function cwdOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}
