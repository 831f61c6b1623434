import { ConfigError } from '../domain/errors.ts';
import type { Person } from '../setup/person.ts';
import { print } from './terminal.ts';

/** `--yes`: every change is agreed to, and what would have to be asked is missing. */
export const absentPerson: Person = {
  async ask({ text: question, otherwise, initial }) {
    if (initial === undefined) {
      throw new ConfigError(`"${question}" is not asked with --yes. Accepted: ${otherwise}.`);
    }
    return initial;
  },
  agrees: async () => true,
  triesAgain: async () => false,
  tellRight: (line) => print(`ok       ${line}`),
  tellChanged: (line) => print(`changed  ${line}`),
  tellLeft: (line) => print(`left     ${line}`),
  tellBusy: (line) => print(`         ${line} …`),
};
