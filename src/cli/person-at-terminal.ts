import { cancel, confirm, isCancel, log, password, text } from '@clack/prompts';
import type { Person } from '../setup/person.ts';
import { CancelledError } from './cancelled-error.ts';

/** Asks at the terminal. Ctrl-C at a question is a `CancelledError`. */
export const personAtTerminal: Person = {
  async ask({ text: message, initial, secret, check }) {
    const validate = (answer: string | undefined): string | undefined => {
      const given = (answer ?? '').trim();
      return given === ''
        ? initial === undefined
          ? 'An answer is needed'
          : undefined
        : check?.(given);
    };
    const answer = answered(
      await (secret
        ? password({ message, validate })
        : text({
            message,
            validate,
            ...(initial !== undefined && { placeholder: initial, defaultValue: initial }),
          })),
    );
    return (answer ?? '').trim() || (initial ?? '');
  },
  agrees: async (change) => answered(await confirm({ message: `${change}?` })),
  triesAgain: async (question) => answered(await confirm({ message: `${question}?` })),
  tellRight: (line) => log.success(line),
  tellChanged: (line) => log.success(`Done: ${line}`),
  tellLeft: (line) => log.warn(line),
  tellBusy: (line) => log.step(`${line} …`),
};

function answered<T>(answer: T): Exclude<T, symbol> {
  if (isCancel(answer)) {
    cancel('Stopped.');
    throw new CancelledError();
  }
  return answer as Exclude<T, symbol>;
}
