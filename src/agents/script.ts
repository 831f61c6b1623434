import * as z from 'zod';
import { word } from './manifest-values.ts';
import type { AgentProvider } from './provider.ts';

const keys = {
  /** Argument vector, executed as it is: no shell. */
  command: z
    .tuple([word], word, {
      error: 'must be a list of words, the program first: ["node", "agent.js"]',
    })
    .meta({
      description:
        'The program and its arguments, executed in the working copy as they are, without a shell.',
      examples: [['node', '/opt/bottle/demo-agent.mjs']],
    }),
};

/** Any program; it finds its prompt in the file that `BOTTLE_PROMPT` names. */
export const script: AgentProvider<typeof keys> = {
  name: 'script',
  keys,
  protocols: [],
  limitsTurns: false,
  command: ({ command }, { promptFile }) => ({
    argv: command,
    environment: { BOTTLE_PROMPT: promptFile },
    files: {},
  }),
};
