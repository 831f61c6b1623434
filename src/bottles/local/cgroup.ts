import { accessSync, constants, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BottleLimits } from '../backend.ts';

const root = '/sys/fs/cgroup';
const parent = 'bot-bottle';

/** Cgroups know nothing of disks. */
type Limit = Exclude<keyof BottleLimits, 'diskBytes'>;

/** The file that takes a limit, and what is written to it. */
const files: Record<1 | 2, Record<Limit, (value: number) => readonly [string, string]>> = {
  1: {
    memoryBytes: (value) => ['memory.limit_in_bytes', String(Math.round(value))],
    pids: (value) => ['pids.max', String(value)],
    cpus: (value) => ['cpu.cfs_quota_us', String(Math.round(value * 100_000))],
  },
  2: {
    memoryBytes: (value) => ['memory.max', String(Math.round(value))],
    pids: (value) => ['pids.max', String(value)],
    cpus: (value) => ['cpu.max', `${Math.round(value * 100_000)} 100000`],
  },
};

const controllers: Record<Limit, string> = { memoryBytes: 'memory', pids: 'pids', cpus: 'cpu' };

/** The limits this process may set. */
export function enforceableLimits(): Limit[] {
  if (process.getuid?.() !== 0) return [];
  return (Object.keys(controllers) as Limit[]).filter((limit) => {
    try {
      accessSync(hierarchy(limit), constants.W_OK);
      // Refused in a container that may write its cgroups but has processes in the topmost.
      if (version() === 2) enable(root, limit);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Makes the bottle's cgroups and sets its limits; those that cannot be had here are left out.
 * @returns the files that a process writes its pid to, to come under the limits
 */
export function makeCgroups(slug: string, limits: BottleLimits): string[] {
  const directories = new Set<string>();
  for (const limit of enforceableLimits()) {
    const value = limits[limit];
    if (value === undefined) continue;
    if (version() === 2) {
      mkdirSync(join(root, parent), { recursive: true });
      enable(join(root, parent), limit);
    }
    const directory = join(hierarchy(limit), parent, slug);
    mkdirSync(directory, { recursive: true });
    const [file, text] = files[version()][limit](value);
    writeFileSync(join(directory, file), text);
    directories.add(directory);
  }
  return [...directories].map((directory) => join(directory, 'cgroup.procs'));
}

/**
 * Brings processes under the limits that run already; threads and what they start from now on come with them.
 * @param files as `makeCgroups` returns them
 */
export async function moveInto(files: readonly string[], pids: readonly number[]): Promise<void> {
  for (const file of files) {
    // One at a time is all that the kernel takes.
    for (const pid of pids) await writeFile(file, String(pid));
  }
}

/** Removes the bottle's cgroups. Its processes have ended; the kernel may need a moment to notice. */
export async function removeCgroups(slug: string): Promise<void> {
  const hierarchies = new Set((Object.keys(controllers) as Limit[]).map(hierarchy));
  for (const directory of [...hierarchies].map((path) => join(path, parent, slug))) {
    for (let attempt = 0; existsSync(directory); attempt++) {
      try {
        rmdirSync(directory);
      } catch (error) {
        if (attempt === 100) throw error;
        await delay(20);
      }
    }
  }
}

/** Version 2 has all controllers in one tree, version 1 a tree for each. */
function version(): 1 | 2 {
  return existsSync(join(root, 'cgroup.controllers')) ? 2 : 1;
}

function hierarchy(limit: Limit): string {
  return version() === 2 ? root : join(root, controllers[limit]);
}

function enable(directory: string, limit: Limit): void {
  writeFileSync(join(directory, 'cgroup.subtree_control'), `+${controllers[limit]}`);
}
