import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const linesShown = 200;
const bytesRead = 128 * 1024;
const filesShown = 10;

/** The last lines of a log. */
export interface LogTail {
  /** Below the data directory. */
  readonly file: string;
  readonly lines: readonly string[];
}

/**
 * The logs that lie in the data directory, the newest first: of supervisors, of a Temporal that the development command
 * brought along, and what somebody had the orchestrator's own output written to. Never an agent's output.
 */
export async function recentLogs(dataDirectory: string): Promise<LogTail[]> {
  const bottles = join('state', 'bottles');
  const runs = await Promise.all(
    (await namesIn(dataDirectory, bottles)).map(async (slug) => {
      const below = join(bottles, slug, 'runs');
      const numbers = await namesIn(dataDirectory, below);
      return numbers.map((run) => join(below, run, 'supervisor.log'));
    }),
  );
  const candidates = [
    ...(await logsIn(dataDirectory, '.')),
    ...(await logsIn(dataDirectory, 'dev')),
    ...(await logsIn(dataDirectory, 'state')),
    ...runs.flat(),
  ];
  const dated = await Promise.all(
    candidates.map(async (file) => {
      const found = await stat(join(dataDirectory, file)).catch(() => undefined);
      return { file, at: found?.isFile() && found.size > 0 ? found.mtimeMs : undefined };
    }),
  );
  const newest = dated
    .filter((one): one is { file: string; at: number } => one.at !== undefined)
    .toSorted((one, other) => other.at - one.at)
    .slice(0, filesShown);
  return await Promise.all(
    newest.map(async ({ file }) => ({ file, lines: await lastLines(join(dataDirectory, file)) })),
  );
}

async function logsIn(root: string, directory: string): Promise<string[]> {
  const names = await namesIn(root, directory);
  return names.filter((name) => name.endsWith('.log')).map((name) => join(directory, name));
}

/** None where there is no such directory. */
async function namesIn(root: string, directory: string): Promise<string[]> {
  return await readdir(join(root, directory)).catch(() => []);
}

async function lastLines(path: string): Promise<string[]> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - bytesRead);
    const { buffer, bytesRead: length } = await file.read({
      buffer: Buffer.alloc(size - start),
      position: start,
    });
    const lines = buffer.toString('utf8', 0, length).trimEnd().split('\n');
    // The first was cut somewhere: half a secret would be known by nobody.
    return lines.slice(start > 0 ? 1 : 0).slice(-linesShown);
  } finally {
    await file.close();
  }
}
