import { ConfigError } from '../domain/errors.ts';
import type { Person } from '../setup/person.ts';

/** What there was to tell, and how it is. */
export interface ToldLine {
  readonly state: 'right' | 'changed' | 'left' | 'busy';
  readonly text: string;
}

/** `--yes`: every change is agreed to, and what would have to be asked is missing. */
export function absentPerson(tell: (line: ToldLine) => void): Person {
  return {
    async ask({ text: question, otherwise, initial }) {
      if (initial === undefined) {
        throw new ConfigError(`"${question}" is not asked with --yes. Accepted: ${otherwise}.`);
      }
      return initial;
    },
    agrees: async () => true,
    triesAgain: async () => false,
    tellRight: (text) => tell({ state: 'right', text }),
    tellChanged: (text) => tell({ state: 'changed', text }),
    tellLeft: (text) => tell({ state: 'left', text }),
    tellBusy: (text) => tell({ state: 'busy', text }),
  };
}

/** As a line; what goes on now has no word in front of it. */
export function formatTold({ state, text }: ToldLine): string {
  return state === 'busy' ? `${' '.repeat(9)}${text} …` : `${state.padEnd(9)}${text}`;
}
