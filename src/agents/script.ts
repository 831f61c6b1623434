import * as z from 'zod';
import type { AgentProvider } from './provider.ts';

const word = z
  .string('must be text: quote it')
  .min(1, 'must not be empty')
  .refine((value) => !value.includes('\0'), 'must not hold a NUL character');

const keys = {
  /** Argument vector, executed as it is: no shell. */
  command: z.tuple([word], word, {
    error: 'must be a list of words, the program first: ["node", "agent.js"]',
  }),
};

/** Any program; it finds its prompt in the file that `BOTTLE_PROMPT` names. */
export const script: AgentProvider<typeof keys> = {
  name: 'script',
  keys,
  protocols: [],
  command: ({ command }, { promptFile }) => ({
    argv: command,
    environment: { BOTTLE_PROMPT: promptFile },
    files: {},
  }),
};
