import { stat } from 'node:fs/promises';
import type { ExaminedConfig } from '../config/examine.ts';
import { fail, pass, type Check, type Finding } from './check.ts';
import { closeToOthers } from './modes.ts';

/** Environment and `orchestrator.toml`. */
export function settingsCheck({ problems, settingsFile, given }: ExaminedConfig): Check {
  return {
    name: 'settings',
    async run() {
      const where = settingsFile ?? 'the environment alone: there is no settings file';
      const names = Object.keys(given).length;
      return problems.length === 0
        ? [pass(`${names} of them are given, read from ${where}`)]
        : problems.map(explain);
    },
  };
}

/** A problem names its key and what is wrong, then the accepted form. */
function explain(problem: string): Finding {
  const [, seen = problem, accepted] = /^(.*?)\.? Accepted: (.*?)\.?$/s.exec(problem) ?? [];
  return fail(
    seen,
    accepted === undefined
      ? 'Change it in the environment or in the settings file.'
      : `Give it as accepted: ${accepted}.`,
  );
}

/** Who else can read them. That they can be read by us, `settings` says. */
export function secretFilesCheck({ secretFiles, apiTokenFile }: ExaminedConfig): Check {
  const paths = new Set([...secretFiles.map(({ path }) => path), apiTokenFile]);
  return {
    name: 'secret files',
    async run() {
      const found = await Promise.all([...paths].map(examineFile));
      const troubles = found.flat();
      return troubles.length > 0
        ? troubles
        : [pass(`nobody else can read any of them: ${[...paths].join(', ')}`)];
    },
  };
}

async function examineFile(path: string): Promise<Finding[]> {
  const mode = await stat(path).then(
    (file) => file.mode,
    () => undefined,
  );
  return mode === undefined ? [] : closeToOthers(path, mode, 0o600);
}
