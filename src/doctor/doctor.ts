import { allChecks, type Installation } from './all-checks.ts';
import { examine, type Examination, type Result } from './examine.ts';

/** Looks at one installation. */
export interface Doctor {
  /** Changes nothing unless asked to fix. Never rejects; see `examine`. */
  examine(examination: Examination): Promise<readonly Result[]>;
}

export function openInstallation(installation: Installation): Doctor {
  const checks = allChecks(installation);
  return { examine: (examination) => examine(checks, examination) };
}
