import { access, constants, mkdir, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { fail, pass, warn, type Check, type Finding } from './check.ts';
import { closeToOthers } from './modes.ts';

/** Its owner and mode, and that it can be written. */
export function dataDirectoryCheck(path: string): Check {
  return {
    name: 'data directory',
    run: async () => [...(await examine(path))],
  };
}

async function examine(path: string): Promise<Finding[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) {
    return found.code === 'ENOENT' ? [absent(path)] : [unusable(path, found.code)];
  }
  if (!found.isDirectory()) {
    return [
      fail(
        `${path} is no directory`,
        'Move it away, or name a directory with ORCHESTRATOR_DATA_DIR.',
      ),
    ];
  }
  const uid = process.getuid?.() ?? found.uid;
  if (found.uid !== uid) {
    return [
      fail(
        `${path} belongs to the user with the id ${found.uid}, and this is ${userName()} (${uid})`,
        `Run the orchestrator, and this command, as its owner; or give it to this user: \`chown -R ${uid} ${path}\`.`,
      ),
    ];
  }
  const unwritable = await access(path, constants.W_OK | constants.X_OK).catch(
    (error: NodeJS.ErrnoException) => error,
  );
  if (unwritable !== undefined) return [unusable(path, unwritable.code)];
  const open = closeToOthers(path, found.mode, 0o700);
  return open.length > 0 ? open : [pass(`${path} belongs to ${userName()} alone`)];
}

function absent(path: string): Finding {
  return warn(
    `${path} is not there yet`,
    `The orchestrator makes it at its first start; to have it now: \`mkdir -m 700 ${path}\`.`,
    async () => void (await mkdir(path, { recursive: true, mode: 0o700 })),
  );
}

function unusable(path: string, code: string | undefined): Finding {
  return fail(
    `${path} cannot be used (${code ?? 'unknown error'})`,
    'Let this user write to it and to the file system that it is on, or name another with ORCHESTRATOR_DATA_DIR.',
  );
}

/** A user id without an entry in the password file has none, as in many containers. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'this user';
  }
}
