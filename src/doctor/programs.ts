import { execFile } from 'node:child_process';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { fail, pass, warn, type Check, type Finding } from './check.ts';
import { isOlder } from './version.ts';

const run = promisify(execFile);

interface Program {
  readonly name: string;
  readonly oldest: string;
  /** Only for some bottles. */
  readonly optional?: true;
  readonly fix: string;
}

const programs: readonly Program[] = [
  { name: 'git', oldest: '2.32', fix: 'Install git 2.32 or newer.' },
  {
    name: 'bwrap',
    oldest: '0.8',
    optional: true,
    fix: 'Install bubblewrap 0.8 or newer, or use Docker bottles.',
  },
];

const oldestNode = '22.12';

/** What runs the orchestrator, and the host's programs that it runs. @param path where they are looked for, as PATH */
export function versionsCheck(ours: string, path: string): Check {
  return {
    name: 'versions',
    async run(signal) {
      const { node } = process.versions;
      const versions = await Promise.all(programs.map((one) => examine(one, path, signal)));
      return [
        pass(`bot-bottle-orchestrator ${ours}, Linux ${release()}`),
        isOlder(node, oldestNode)
          ? fail(`Node ${node}`, `Install Node ${oldestNode} or newer.`)
          : pass(`Node ${node}`),
        ...versions,
      ];
    },
  };
}

async function examine(
  { name, oldest, optional, fix }: Program,
  path: string,
  signal: AbortSignal,
): Promise<Finding> {
  const trouble = optional ? warn : fail;
  try {
    const { stdout } = await run(name, ['--version'], { env: { PATH: path }, signal });
    const version = /\d+(\.\d+)+/.exec(stdout)?.[0];
    if (version === undefined) return trouble(`${name} does not say its version`, fix);
    return isOlder(version, oldest)
      ? trouble(`${name} ${version}`, fix)
      : pass(`${name} ${version}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return trouble(`${name} cannot be run (${code ?? 'it failed'})`, fix);
  }
}
