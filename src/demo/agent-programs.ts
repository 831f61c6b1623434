import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

/** A program that the agent called has failed. The message is what it printed. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
}

/** Runs git in the working copy and gives what it printed, trimmed. @throws ProgramError */
export async function git(args: readonly string[], input = ''): Promise<string> {
  return (await run('git', args, input)).trim();
}

const forgeUnavailable = -32003;
const attempts = 5;

/** Calls the `forge` command, again where the cause passes. @throws ProgramError with the sidecar's message */
export async function forge<T>(args: readonly string[], input = ''): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return JSON.parse(await run('forge', [...args, '--json'], input)) as T;
    } catch (error) {
      const { code, message } = sidecarError(error);
      if (code !== forgeUnavailable || attempt === attempts) {
        throw new ProgramError(message);
      }
      await delay(attempt * 2000);
    }
  }
}

function sidecarError(error: unknown): { code: number | undefined; message: string } {
  const { message } = error as Error;
  try {
    return (JSON.parse(message) as { error: { code: number; message: string } }).error;
  } catch {
    return { code: undefined, message };
  }
}

function run(program: string, args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
      } else {
        reject(new ProgramError(stderr.trim() || stdout.trim() || error.message));
      }
    });
    // A program that does not read its input may be gone by now.
    child.stdin?.on('error', () => undefined).end(input);
  });
}
