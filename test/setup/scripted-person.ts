import { ConfigError } from '../../src/domain/errors.ts';
import type { Person } from '../../src/setup/person.ts';

export interface ScriptedPerson extends Person {
  /** What was proposed, in order. */
  readonly proposals: string[];
  /** What was told, in order, each with how it is: `right`, `changed`, `left`, `busy`. */
  readonly told: string[];
}

/**
 * Answers a question by the first key that it begins with, agrees to everything unless told otherwise, and never tries
 * again.
 */
export function scriptedPerson(
  answers: Readonly<Record<string, string>> = {},
  options: { agrees?: (proposal: string) => boolean; onBusy?: () => void } = {},
): ScriptedPerson {
  const proposals: string[] = [];
  const told: string[] = [];
  return {
    proposals,
    told,
    async ask({ text, initial }) {
      const key = Object.keys(answers).find((start) => text.startsWith(start));
      const answer = key === undefined ? initial : answers[key];
      if (answer === undefined) throw new ConfigError(`nobody answers "${text}"`);
      return answer;
    },
    async agrees(proposal) {
      proposals.push(proposal);
      return options.agrees?.(proposal) ?? true;
    },
    triesAgain: async () => false,
    tellRight: (text) => void told.push(`right: ${text}`),
    tellChanged: (text) => void told.push(`changed: ${text}`),
    tellLeft: (text) => void told.push(`left: ${text}`),
    tellBusy(text) {
      told.push(`busy: ${text}`);
      options.onBusy?.();
    },
  };
}
