import { readToolEnvironment, type Report, type ToolEnvironment } from './environment.ts';
import { findProgram, runProgram } from './program.ts';

/** Programs by the Debian package that brings each. */
type Programs = Readonly<Record<string, string>>;

/** What bottles and their tests need. */
const PROGRAMS: Programs = {
  bwrap: 'bubblewrap',
  git: 'git',
  setpriv: 'util-linux',
};

/**
 * Makes sure that the system's programs are there: as root on a Debian what is missing is installed, else this rejects with
 * one line that names it.
 */
export async function ensureDebianPackages(
  report: Report,
  environment: ToolEnvironment = readToolEnvironment(),
  programs: Programs = PROGRAMS,
): Promise<void> {
  const missing = missingPrograms(environment, programs);
  if (missing.length === 0) {
    return;
  }
  const packages = [...new Set(missing.map((program) => programs[program] ?? program))].join(' ');
  const aptGet = findProgram('apt-get', environment.path);
  if (process.getuid?.() !== 0 || aptGet === undefined) {
    throw new Error(
      `missing: ${missing.join(', ')}. Install as root, on Debian with: apt-get install ${packages}`,
    );
  }
  const env = { ...environment.variables, DEBIAN_FRONTEND: 'noninteractive' };
  report(`installing ${packages} (apt-get): ${missing.join(', ')} not on the PATH`);
  await runProgram(aptGet, ['update', '-q'], { env });
  await runProgram(
    aptGet,
    ['install', '-q', '-y', '--no-install-recommends', ...packages.split(' ')],
    { env },
  );
  const still = missingPrograms(environment, programs);
  if (still.length > 0) {
    throw new Error(`still missing after installing ${packages}: ${still.join(', ')}`);
  }
  report(`installed ${packages}`);
}

function missingPrograms(environment: ToolEnvironment, programs: Programs): string[] {
  return Object.keys(programs).filter(
    (program) => findProgram(program, environment.path) === undefined,
  );
}
