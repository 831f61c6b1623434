import type { ToolEnvironment } from './environment.ts';
import { findProgram, runProgram } from './program.ts';

/** Runs the Go command and returns its stdout. Rejects with a one-line reason, also where Go is absent. */
export async function runGo(
  environment: ToolEnvironment,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<string> {
  const go = findProgram('go', environment.path);
  if (go === undefined) {
    throw new Error('Go is not on the PATH, so it cannot be built from source');
  }
  return runProgram(go, args, {
    cwd: options.cwd,
    env: { ...environment.variables, ...options.env },
  });
}
