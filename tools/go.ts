import { join } from 'node:path';
import type { ToolEnvironment } from './environment.ts';
import { findProgram, runProgram } from './program.ts';

/**
 * Runs the Go command and returns its stdout. Rejects with a one-line reason, also where Go is absent.
 *
 * Its caches are in `scratch`, so that a build leaves no gigabytes in the home directory; the modules there are writable
 * where the command gets `-modcacherw`, so that they can be removed.
 */
export async function runGo(
  environment: ToolEnvironment,
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly scratch: string;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<string> {
  const go = findProgram('go', environment.path);
  if (go === undefined) {
    throw new Error('Go is not on the PATH, so it cannot be built from source');
  }
  return runProgram(go, args, {
    cwd: options.cwd,
    env: {
      ...environment.variables,
      GOMODCACHE: join(options.scratch, 'modules'),
      GOCACHE: join(options.scratch, 'builds'),
      ...options.env,
    },
  });
}
