import { lstat, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { sep } from 'node:path';

/** Directories of people's programs that hold keys. */
const secretNames = [
  '.aws',
  '.azure',
  '.config',
  '.docker',
  '.gnupg',
  '.kube',
  '.netrc',
  '.password-store',
  '.ssh',
];
/** The machine's own. */
const systemDirectories = ['/boot', '/dev', '/etc', '/proc', '/run', '/sys', '/var/run'];

/**
 * Why a file or directory of the host may not be mounted into bottles as a tool; undefined when it may.
 * @param path absolute, without `.` and `..`
 */
export async function toolProblem(
  path: string,
  dataDirectory: string,
): Promise<string | undefined> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) {
    return 'is not there';
  }
  if (real !== path) {
    return `leads over a symbolic link: give ${real}`;
  }
  const data = await realpath(dataDirectory).catch(() => dataDirectory);
  if (isWithin(path, data) || isWithin(data, path)) {
    return "may not lie in the orchestrator's data directory, nor hold it";
  }
  if (path.split(sep).some((part) => secretNames.includes(part))) {
    return 'lies where programs keep keys';
  }
  if (isWithin(homedir(), path)) {
    return 'holds a whole home directory: name the directory of the tool';
  }
  if (systemDirectories.some((system) => isWithin(path, system) || isWithin(system, path))) {
    return "is, or holds, the machine's own: name the directory of the tool";
  }
  const found = await lstat(path);
  return found.isFile() || found.isDirectory() ? undefined : 'must be a file or a directory';
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === sep ? sep : `${directory}${sep}`);
}
