import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The absolute path of the program `name` in the folders of `path`, or undefined. */
export function findProgram(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, name))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Runs a program to its end and returns its stdout. Rejects when it cannot be started or exits with anything but 0; the
 * message holds the last lines that it wrote.
 */
export function runProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let written = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      written += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (written += text));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve(stdout);
      } else {
        reject(
          new Error(
            `${file} ended with ${signal ?? `exit code ${String(code)}`}: ${lastLines(written)}`,
          ),
        );
      }
    });
  });
}

function lastLines(text: string): string {
  const lines = text.trim().split('\n');
  return lines.slice(-4).join(' | ').slice(-800);
}
