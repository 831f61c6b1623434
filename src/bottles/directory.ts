import { join } from 'node:path';

/**
 * Where things lie below the data directory. This layout is part of the supervisor's contract (SPEC §5): a bottle that
 * outlives an upgrade is found by the new orchestrator in the same place.
 */
export function bottlePaths(dataDirectory: string, slug: string): BottlePaths {
  // It comes from Temporal, whose development server anybody on this machine can reach, and is about to be a path.
  if (!/^[a-z0-9-]{1,64}$/.test(slug)) {
    throw new Error(`not a slug: ${JSON.stringify(slug)}`);
  }
  return pathsIn(dataDirectory, 'bottles', slug);
}

/** Of a bottle that is to come: made ahead of a launch, which renames its `root`. @param slug of its own until then */
export function sparePaths(dataDirectory: string, slug: string): BottlePaths {
  return pathsIn(dataDirectory, 'spares', slug);
}

function pathsIn(
  dataDirectory: string,
  directory: 'bottles' | 'spares',
  slug: string,
): BottlePaths {
  const root = join(dataDirectory, 'state', directory, slug);
  return {
    slug,
    root,
    manifest: join(root, 'bottle.json'),
    work: join(root, 'work'),
    home: join(root, 'home'),
    runs: join(root, 'runs'),
    tombstone: join(dataDirectory, 'state', 'destroyed', slug),
    archive: join(dataDirectory, 'archive', slug),
  };
}

export interface BottlePaths {
  readonly slug: string;
  readonly root: string;
  /** `bottle.json`: workflow id, backend, uid; written once. */
  readonly manifest: string;
  readonly work: string;
  readonly home: string;
  readonly runs: string;
  readonly tombstone: string;
  readonly archive: string;
}

/** Files of one run, below `runs/<n>/`. */
export function runPaths(runsDirectory: string, run: number): RunPaths {
  const root = join(runsDirectory, String(run));
  return {
    root,
    journal: join(root, 'journal.ndjson'),
    output: join(root, 'output.log'),
    checkin: join(root, 'checkin'),
    launch: join(root, 'launch.json'),
    request: join(root, 'request.json'),
    supervisorLog: join(root, 'supervisor.log'),
    prompt: join(root, 'prompt.md'),
  };
}

export interface RunPaths {
  readonly root: string;
  readonly journal: string;
  readonly output: string;
  /** Its modification time is the last check-in. */
  readonly checkin: string;
  /** The `LaunchFile`. */
  readonly launch: string;
  /** The `LaunchRequest`. */
  readonly request: string;
  /** What the supervisor itself had to say, usually nothing. */
  readonly supervisorLog: string;
  readonly prompt: string;
}

/** The bare mirror of a repository, from which bottles clone. @param repositoryId the forge's numeric id */
export function mirrorPath(dataDirectory: string, repositoryId: number): string {
  return join(dataDirectory, 'mirrors', String(repositoryId));
}

/** Where things appear inside a bottle. */
export const inside = {
  work: '/work',
  home: '/home/agent',
  sockets: '/run/bottle',
  sidecarSocket: '/run/bottle/sidecar.sock',
  /** There until the working copy is cloned. */
  cloneSocket: '/run/bottle/clone.sock',
  runtime: '/opt/bottle',
  prompt: '/run/prompt.md',
  tools: '/opt/tools',
  /** Of the launcher and the agent: `node`, `forge` and their like come first. */
  path: '/opt/bottle/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin',
  /** The launcher listens here and hands the listener to the supervisor. */
  doorPort: 3128,
  doorUrl: 'http://127.0.0.1:3128',
} as const;
