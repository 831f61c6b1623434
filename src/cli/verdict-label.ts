import type { Verdict } from '../doctor/check.ts';
import { colours } from './terminal.ts';

/** What a line about something that was checked begins with. */
export function verdictLabel(verdict: Verdict): string {
  switch (verdict) {
    case 'pass':
      return colours.green('PASS');
    case 'warn':
      return colours.yellow('WARN');
    case 'fail':
      return colours.red('FAIL');
    case 'skipped':
      return colours.dim('SKIP');
  }
}
