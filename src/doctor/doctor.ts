import { writeFile } from 'node:fs/promises';
import { ConfigError } from '../domain/errors.ts';
import { allChecks } from './all-checks.ts';
import { makeBundle } from './bundle.ts';
import type { Installation } from './installation.ts';
import { examine, type Examination, type Result } from './examine.ts';

/** Looks at one installation. */
export interface Doctor {
  /** Changes nothing unless asked to fix. See `examine` for what it throws. */
  examine(examination: Examination): Promise<readonly Result[]>;
  /**
   * Writes what was found, and what else helps somebody elsewhere, into a new file that only this user can read.
   * @throws ConfigError when there is such a file, or it cannot be written
   */
  writeBundle(file: string, results: readonly Result[]): Promise<void>;
}

export function openInstallation(installation: Installation): Doctor {
  const checks = allChecks(installation);
  return {
    examine: (examination) => examine(checks, examination),
    async writeBundle(path, results) {
      const text = await makeBundle(installation, results);
      try {
        await writeFile(path, text, { flag: 'wx', mode: 0o600 });
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        throw new ConfigError(
          code === 'EEXIST'
            ? `${path} is there already. Accepted: the name of a new file.`
            : `${path} cannot be written (${code}). Accepted: the name of a new file in a directory that is there.`,
        );
      }
    },
  };
}
