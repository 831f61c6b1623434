import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** Users of bottles lie in here, apart from those of people and of the distribution's services. */
const firstUid = 200_000;
const uidsPerDirectory = 1_000;
const ranges = 20_000;

/**
 * Gives the bottle a user of its own, when this process is root; the same one when it is called again.
 * Each data directory has a range of its own, so that two orchestrators on a machine rarely meet, and each
 * user is a file that is created exclusively, so that two bottles of one never do.
 * @returns undefined when this process is not root
 */
export function claimUid(dataDirectory: string, slug: string): number | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const directory = uidDirectory(dataDirectory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const own = findUid(directory, slug);
  if (own !== undefined) return own;
  const range = createHash('sha256').update(dataDirectory).digest().readUInt32BE() % ranges;
  const first = firstUid + range * uidsPerDirectory;
  for (let uid = first; uid < first + uidsPerDirectory; uid++) {
    try {
      writeFileSync(join(directory, String(uid)), slug, { flag: 'wx' });
      return uid;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  throw new Error(`this host has ${uidsPerDirectory} bottles: destroy some`);
}

/** Makes a user that was claimed that of another bottle. */
export function passUid(dataDirectory: string, uid: number, slug: string): void {
  const file = join(uidDirectory(dataDirectory), String(uid));
  const draft = join(dirname(uidDirectory(dataDirectory)), `uid-${uid}`);
  writeFileSync(draft, slug);
  renameSync(draft, file);
}

/** Gives the bottle's user back. Does nothing when it has none. Call it when nothing of the bottle is left. */
export function releaseUid(dataDirectory: string, slug: string): void {
  const directory = uidDirectory(dataDirectory);
  // It has two after a launch that was killed while it was given one.
  for (let uid; (uid = findUid(directory, slug)) !== undefined;) {
    rmSync(join(directory, String(uid)), { force: true });
  }
}

function findUid(directory: string, slug: string): number | undefined {
  if (!existsSync(directory)) return undefined;
  // In one go: through the thread pool, as many small files would hold a launch up for a while.
  const own = readdirSync(directory).find(
    (name) => readFileSync(join(directory, name), 'utf8') === slug,
  );
  return own === undefined ? undefined : Number(own);
}

function uidDirectory(dataDirectory: string): string {
  return join(dataDirectory, 'state', 'uids');
}
