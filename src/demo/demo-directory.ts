import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'bot-bottle-demo-';
const uid = process.getuid?.() ?? 0;

/** Gitea's user must be able to enter it, which root's own `TMPDIR` seldom allows. */
const PARENT = uid === 0 ? '/tmp' : tmpdir();

/** Everything of one demo lies in a directory of its own, which goes with it. */
export interface DemoDirectory {
  readonly path: string;
  /** All that a person needs to find out what went wrong; no secret is in there. */
  readonly logs: string;
  /** Of the orchestrator. */
  readonly data: string;
  readonly gitea: string;
}

/** Makes one, marked as this process's. */
export async function makeDemoDirectory(): Promise<DemoDirectory> {
  const directory = at(await mkdtemp(join(PARENT, PREFIX)));
  await chmod(directory.path, uid === 0 ? 0o711 : 0o700);
  await writeFile(join(directory.path, 'owner'), ownerText(process.pid) ?? '');
  await mkdir(directory.logs, { mode: 0o700 });
  await mkdir(directory.data, { mode: 0o700 });
  return directory;
}

/** Removes it: all of it, or all but the logs. Nothing may run in it any more. */
export async function removeDemoDirectory(
  { path, logs, gitea, data }: DemoDirectory,
  { keepLogs }: { readonly keepLogs: boolean },
): Promise<void> {
  if (!keepLogs) {
    await remove(path);
    return;
  }
  await rename(join(gitea, 'gitea.log'), join(logs, 'gitea.log')).catch(() => undefined);
  await rename(join(data, 'archive'), join(logs, 'bottles')).catch(() => undefined);
  for (const name of await readdir(path)) {
    if (join(path, name) !== logs) {
      await remove(join(path, name));
    }
  }
}

/** The directories of demos of this user that were killed: their processes are gone, and nobody else removes them. */
export async function findAbandonedDirectories(): Promise<DemoDirectory[]> {
  const names = (await readdir(PARENT)).filter((name) => name.startsWith(PREFIX));
  const abandoned: DemoDirectory[] = [];
  for (const path of names.map((name) => join(PARENT, name))) {
    const isOurs = await stat(path).then(
      (info) => info.uid === uid && info.isDirectory(),
      () => false,
    );
    // Without the mark it is kept for its logs.
    const owner = isOurs && (await readFile(join(path, 'owner'), 'utf8').catch(() => ''));
    if (owner && ownerText(Number(owner.split(' ', 1)[0])) !== owner) {
      abandoned.push(at(path));
    }
  }
  return abandoned;
}

function at(path: string): DemoDirectory {
  return {
    path,
    logs: join(path, 'logs'),
    data: join(path, 'data'),
    gitea: join(path, 'gitea'),
  };
}

async function remove(path: string): Promise<void> {
  // Those of a Docker Engine that was killed with its demo.
  for (const mount of mountsBelow(path)) spawnSync('umount', ['--lazy', mount]);
  // A server that has just been killed may still be writing.
  await rm(path, { recursive: true, force: true, maxRetries: 10 });
}

/** The innermost first. */
function mountsBelow(path: string): string[] {
  const mounts = existsSync('/proc/self/mounts') ? readFileSync('/proc/self/mounts', 'utf8') : '';
  return mounts
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((mount) => mount.startsWith(`${path}/`))
    .toReversed();
}

/** A process by its pid and the time at which it started, as numbers are used again; undefined when there is none. */
function ownerText(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    // Its name, in parentheses, may hold anything.
    const [, startTime] =
      fields.slice(fields.lastIndexOf(')') + 2).match(/^(?:\S+ ){19}(\S+)/) ?? [];
    return `${String(pid)} ${startTime ?? ''}`;
  } catch {
    return undefined;
  }
}
