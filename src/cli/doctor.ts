import { Command } from 'commander';
import type { LoadOptions } from '../config/load.ts';
import type { Finding, Verdict } from '../doctor/check.ts';
import type { Doctor } from '../doctor/doctor.ts';
import type { Examination, Result } from '../doctor/examine.ts';
import type { Place } from '../forges/forge-setup.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { count } from './count.ts';
import { loadOptions, type GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { interruptible } from './interruptible.ts';
import { collectPlaces } from './place-argument.ts';
import { progressLine } from './progress-line.ts';
import { colours, oneLine, print, printJson } from './terminal.ts';
import { verdictLabel } from './verdict-label.ts';

interface DoctorOptions extends GlobalOptions {
  readonly fix?: true;
  readonly bundle?: string;
}

/** Opens what is examined. @throws ConfigError when the settings say not even where it is */
export type DoctorHandler = (options: LoadOptions, places: readonly Place[]) => Promise<Doctor>;

export function doctorCommand(open: DoctorHandler): Command {
  return new Command('doctor')
    .description('look at everything that has to be right, and say what mends it')
    .argument(
      '[owner/repo | org...]',
      'look at these too, beside those that delivered before',
      collectPlaces,
    )
    .option('--fix', 'mend what needs no decision, and look again')
    .option('--bundle <file>', 'write a file for whoever helps you: no secret is in it')
    .addHelpText(
      'after',
      helpText(
        [
          'orchestrator doctor',
          'orchestrator doctor acme/rocket',
          'FORGE_SETUP_TOKEN_FILE=~/my-token orchestrator doctor --fix',
          'orchestrator doctor --bundle support.json',
          `orchestrator doctor --json | jq -r '.findings[] | select(.verdict == "fail") | .fix'`,
        ],
        `Says PASS, WARN or FAIL for settings, forge, webhooks, Temporal, store, bottles, agents, models, disk and clock, and below it what to do. SKIP: it needs something that failed. Each check takes 10 seconds at most, and changes nothing without --fix, but for the webhook's address while a delivery is tried. Ends with ${exitCodes.checkFailed} if anything fails.`,
        "Run it as the orchestrator's user, with its environment. Webhooks are shown to administrators only: FORGE_SETUP_TOKEN is the token of one.",
      ),
    )
    .action(async (places: readonly Place[], _, command: Command) => {
      const options: DoctorOptions = command.optsWithGlobals();
      const doctor = await open(loadOptions(options), places);
      const fix = options.fix ?? false;
      const results = await interruptible((signal) =>
        options.json ? doctor.examine({ fix, signal }) : examineAloud(doctor, { fix, signal }),
      );
      if (options.json) printJson({ findings: results.flatMap(toJson) });
      if (options.bundle !== undefined) {
        await doctor.writeBundle(options.bundle, results);
        if (!options.json) print(`\nRead ${options.bundle} before you pass it on.`);
      }
      const failed = verdictsOf(results).filter((verdict) => verdict === 'fail').length;
      if (failed > 0)
        throw new CliError(exitCodes.checkFailed, `${count(failed, 'check')} failed.`);
    });
}

async function examineAloud(doctor: Doctor, examination: Examination): Promise<readonly Result[]> {
  const progress = progressLine();
  try {
    return await doctor.examine({
      ...examination,
      onResult(result) {
        progress.clear();
        print(format(result));
      },
      onProgress: (running) => progress.show(`looking at ${running.join(', ')}`),
    });
  } finally {
    progress.clear();
  }
}

function format({ check, findings, mended }: Result): string {
  return [
    ...mended.map((seen) => line(colours.green('MENDED'), check, seen)),
    ...findings.flatMap((finding) => [
      line(verdictLabel(finding.verdict), check, finding.seen),
      ...fixOf(finding)
        .split('\n')
        .filter((text) => text !== '')
        .map((text) => `      ${oneLine(text)}`),
    ]),
  ].join('\n');
}

function line(label: string, check: string, seen: string): string {
  return `${label}  ${colours.bold(check)}: ${oneLine(seen)}`;
}

function fixOf(finding: Finding): string {
  if (!('fix' in finding)) return '';
  return finding.mend === undefined
    ? finding.fix
    : `${finding.fix}\nOr let \`orchestrator doctor --fix\` do it.`;
}

function toJson({ check, findings, mended }: Result) {
  return findings.map((finding) => ({
    check,
    verdict: finding.verdict,
    seen: finding.seen,
    fix: 'fix' in finding ? finding.fix : null,
    fixable: 'mend' in finding && finding.mend !== undefined,
    mended,
  }));
}

function verdictsOf(results: readonly Result[]): Verdict[] {
  return results.flatMap(({ findings }) => findings.map(({ verdict }) => verdict));
}
