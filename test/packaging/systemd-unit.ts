import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findProjectRoot } from '../../tools/project-root.ts';
import { until } from '../support/until.ts';

/** A unit file's `[Service]` section: each setting with all of its values. */
export type ServiceSettings = ReadonlyMap<string, readonly string[]>;

export function readService(unit: string): ServiceSettings {
  const file = join(findProjectRoot(), 'packaging', 'systemd', unit);
  const text = readFileSync(file, 'utf8').replaceAll('\\\n', ' ');
  const section = text.split(/^\[(\w+)\]$/m);
  const settings = new Map<string, string[]>();
  for (const line of (section[section.indexOf('Service') + 1] ?? '').split('\n')) {
    const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== '') settings.set(name, [...(settings.get(name) ?? []), value]);
  }
  return settings;
}

/** What systemd.kill(5) knows. */
export type KillMode = 'control-group' | 'mixed' | 'process' | 'none';

/** A directory of cgroups that a process may make: any hierarchy of version 1, or version 2. Undefined for an ordinary user. */
export const cgroups =
  process.getuid?.() === 0
    ? ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/pids', '/sys/fs/cgroup'].find((directory) =>
        existsSync(join(directory, 'cgroup.procs')),
      )
    : undefined;

/** The cgroup of a unit: whoever is started in it stays in it, in whatever session, and whatever its parent does. */
export class UnitCgroup implements AsyncDisposable {
  readonly #directory: string;

  /** @param name of a directory that nobody else has */
  constructor(name: string) {
    this.#directory = join(cgroups ?? '', `${basename(name)}.service`);
    mkdirSync(this.#directory);
  }

  add(pid: number): void {
    writeFileSync(join(this.#directory, 'cgroup.procs'), String(pid));
  }

  members(): number[] {
    const text = readFileSync(join(this.#directory, 'cgroup.procs'), 'utf8');
    return text.split('\n').filter(Boolean).map(Number);
  }

  /**
   * Kills what `systemctl stop` does: SIGTERM to the main process, or to all; those that are still there after `timeoutMs` get SIGKILL, with
   * `mixed` also all the others.
   */
  async stop(mode: KillMode, main: number, timeoutMs: number): Promise<void> {
    const remaining = (): number[] => {
      const members = this.members();
      if (mode === 'none') return [];
      return mode === 'process' ? members.filter((pid) => pid === main) : members;
    };
    for (const pid of remaining()) if (mode !== 'mixed' || pid === main) signal(pid, 'SIGTERM');
    const ended = () => (mode === 'mixed' ? !remaining().includes(main) : remaining().length === 0);
    await until('the unit to end by itself', ended, timeoutMs).catch(() => undefined);
    await until('nothing that the unit kills to be left', () => {
      for (const pid of remaining()) signal(pid, 'SIGKILL');
      return remaining().length === 0;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await until('the cgroup to be empty', () => this.members().length === 0);
    rmdirSync(this.#directory);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
