import { Command } from 'commander';
import type { BottleManifest } from '../agents/bottle-inheritance.ts';
import type { BottleBackend, BottleLimits } from '../bottles/backend.ts';
import { LaunchRefusedError } from '../domain/errors.ts';
import { CliError, exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { loadOptions, type LocalManifests, type ManifestsHandler } from './local-manifests.ts';
import { count, problemsOf } from './manifest-problems.ts';
import { colours, print, printJson } from './terminal.ts';

/** As manifests call them. */
const limitKeys: Readonly<Record<keyof BottleLimits, string>> = {
  memoryBytes: 'memory',
  cpus: 'cpus',
  pids: 'pids',
  diskBytes: 'disk',
};

/** What was looked at, and how it is. */
interface Finding {
  readonly verdict: 'pass' | 'warn' | 'fail';
  readonly what: string;
  /** How it is; where it is not well, also what helps. */
  readonly text: string;
}

export function doctorCommand(open: ManifestsHandler): Command {
  return new Command('doctor')
    .description('check what bottles need on this machine: backends, images, manifests')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Says PASS, WARN or FAIL for each thing, and what helps. WARN is for what no manifest asks for. Ends with 4 if anything fails.
No orchestrator has to run: give it the environment and the settings file of yours.

Examples:
  orchestrator doctor
  orchestrator doctor --json | jq -r '.findings[] | select(.verdict == "fail") | .text'`,
    )
    .action(async (_, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const findings = await examine(await open(loadOptions(options)));
      if (options.json) printJson({ findings });
      else findings.forEach((finding) => print(format(finding)));
      const failed = findings.filter(({ verdict }) => verdict === 'fail').length;
      if (failed > 0)
        throw new CliError(exitCodes.checkFailed, `${count(failed, 'check')} failed.`);
    });
}

async function examine(manifests: LocalManifests): Promise<Finding[]> {
  const found = await manifests.findBackends();
  const usable = found.filter(({ check }) => check.usable).map(({ backend }) => backend);
  const usual = usable.find(({ name }) => name !== 'bot-bottle')?.name ?? 'local';
  const bottles = [...manifests.bottles].map(([name, bottle]) => ({
    name,
    bottle,
    backend: bottle.backend ?? usual,
  }));
  const backends = found.map(({ backend, check }): Finding => {
    const what = `backend ${backend.name}`;
    if (check.usable) {
      const limits = check.limits.map((limit) => limitKeys[limit]).join(', ') || 'none';
      return { verdict: 'pass', what, text: `works; limits that are kept: ${limits}` };
    }
    const wanted = bottles.some((one) => one.backend === backend.name) || usable.length === 0;
    return { verdict: wanted ? 'fail' : 'warn', what, text: `${check.reason}. ${check.fix}` };
  });
  const images = await Promise.all(
    bottles.flatMap(({ name, bottle, backend }) => {
      const engine = usable.find((one) => one.name === backend);
      return backend === 'docker' && engine !== undefined ? [checkImage(name, bottle, engine)] : [];
    }),
  );
  return [...backends, ...images, ...checkManifests(manifests)];
}

async function checkImage(
  name: string,
  { image }: BottleManifest,
  backend: BottleBackend,
): Promise<Finding> {
  const what = `image of bottle ${name}`;
  try {
    await backend.checkImage(image);
    return { verdict: 'pass', what, text: `${image ?? 'the default one'} is there` };
  } catch (error) {
    if (!(error instanceof LaunchRefusedError)) throw error;
    return { verdict: 'fail', what, text: error.message };
  }
}

function checkManifests(manifests: LocalManifests): Finding[] {
  const problems = problemsOf(manifests);
  if (problems.length > 0) {
    return problems.map(({ kind, name, message }) => ({
      verdict: 'fail',
      what: `${kind} ${name}`,
      text: message,
    }));
  }
  const { agents, bottles, directory } = manifests;
  const text = `${count(agents.size, 'agent')} and ${count(bottles.size, 'bottle')} in ${directory}`;
  return [{ verdict: agents.size === 0 ? 'warn' : 'pass', what: 'manifests', text }];
}

function format({ verdict, what, text }: Finding): string {
  const colour = { pass: colours.green, warn: colours.yellow, fail: colours.red }[verdict];
  return `${colour(verdict.toUpperCase())}  ${colours.bold(what)}: ${text}`;
}
