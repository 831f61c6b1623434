import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  constants,
  cp,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
} from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Copies what runs beside and inside a bottle to `<data>/runtime/<version>/`, together with the Node that runs now, so that
 * an upgrade never removes it from under a living bottle. The version is a digest of the content; a version
 * that is there is left as it is, and none is ever removed. Safe to call again and concurrently.
 * @param sourceDirectory the built `dist/runtime`
 * @returns the version's directory
 */
export async function installRuntime(
  dataDirectory: string,
  sourceDirectory: string,
): Promise<string> {
  const versions = join(dataDirectory, 'runtime');
  const target = join(versions, await digest(sourceDirectory));
  if (existsSync(target)) return target;
  await mkdir(versions, { recursive: true, mode: 0o700 });
  const draft = join(versions, `.${randomUUID()}`);
  try {
    await cp(sourceDirectory, draft, { recursive: true });
    // A bottle's user reads it through a mount, whatever the umask was.
    for (const path of await readdir(draft, { recursive: true })) {
      await chmod(join(draft, path), 0o755);
    }
    await chmod(draft, 0o755);
    await placeNode(join(draft, 'bin', 'node'));
    await rename(draft, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return target;
}

/** A hard link costs nothing and is no less safe: npm replaces a program's file, it does not write into it. */
async function placeNode(target: string): Promise<void> {
  try {
    await link(process.execPath, target);
  } catch {
    await copyFile(process.execPath, target, constants.COPYFILE_FICLONE);
  }
}

async function digest(directory: string): Promise<string> {
  const hash = createHash('sha256').update(`${process.version} ${process.arch}`);
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  for (const path of files.map((file) => join(file.parentPath, file.name)).toSorted()) {
    hash.update(path.slice(directory.length)).update(await readFile(path));
  }
  return hash.digest('hex').slice(0, 16);
}
