import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** A unix socket's path may have 108 bytes, its final zero included. */
const longestPath = 107;

/** Where a run's sockets lie: apart from the bottle's state, because paths of sockets must be short. */
export interface SocketPaths {
  /** Of the bottle. Holds one directory for each run that lives. */
  readonly root: string;
  readonly run: string;
  /** Never mounted into a bottle. */
  readonly control: string;
  /** The one directory that is mounted into the bottle. */
  readonly mounted: string;
  readonly sidecar: string;
  readonly clone: string;
}

/** @param base a directory made by `makeSocketBase` */
export function socketPaths(
  base: string,
  dataDirectory: string,
  run: { slug: string; run: number },
): SocketPaths {
  const root = join(base, shortHash(dataDirectory), shortHash(run.slug));
  const runRoot = join(root, String(run.run));
  const paths = {
    root,
    run: runRoot,
    control: join(runRoot, 'control.sock'),
    mounted: join(runRoot, 'door'),
    sidecar: join(runRoot, 'door', 'sidecar.sock'),
    clone: join(runRoot, 'door', 'clone.sock'),
  };
  if (Buffer.byteLength(paths.sidecar) > longestPath) {
    throw new Error(`the directory for sockets is too long for the system: ${base}`);
  }
  return paths;
}

/** Makes a run's directories for sockets. Those that are there stay, whoever has them mounted. */
export function makeSocketDirectories({ run, mounted }: SocketPaths): void {
  mkdirSync(run, { recursive: true, mode: 0o700 });
  mkdirSync(mounted, { recursive: true });
  // The bottle's user enters it, whatever the umask is.
  chmodSync(mounted, 0o755);
}

/** Removes what a run that was cut short may have left in them. */
export function emptySocketDirectories({ run, mounted }: SocketPaths): void {
  for (const directory of [run, mounted]) {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (!entry.isDirectory()) rmSync(join(directory, entry.name));
    }
  }
}

/**
 * Makes the directory that all sockets of this user lie below, or checks the one that is there: in `/tmp` anybody may have
 * made it first. As root `/run/bot-bottle`, else below `XDG_RUNTIME_DIR` if that is usable, else `/tmp/bot-bottle-<uid>`.
 * @param runtimeDirectory what `XDG_RUNTIME_DIR` says
 * @throws Error when what is there is not a directory of this user's alone
 */
export function makeSocketBase(uid: number, runtimeDirectory: string | undefined): string {
  const [parent, base] =
    uid === 0
      ? ['/run', '/run/bot-bottle']
      : runtimeDirectory !== undefined && isOwn(runtimeDirectory, uid)
        ? [runtimeDirectory, join(runtimeDirectory, 'bot-bottle')]
        : ['/tmp', `/tmp/bot-bottle-${uid}`];
  mkdirSync(parent, { recursive: true });
  mkdirSync(base, { recursive: true, mode: 0o700 });
  if (!isOwn(base, uid)) {
    throw new Error(`${base} belongs to somebody else, or is not a directory: remove it`);
  }
  chmodSync(base, 0o700);
  return base;
}

function isOwn(path: string, uid: number): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && stat.isDirectory() && stat.uid === uid;
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
