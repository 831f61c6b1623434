import type { RunContext } from './provider.ts';

/** One argument may have 128 KiB (Linux, MAX_ARG_STRLEN). */
const longestArgument = 100 * 1024;

/** The prompt as one argument: itself, or where it is too long, what says where to read it. */
export function promptArgument({
  prompt,
  promptFile,
}: Pick<RunContext, 'prompt' | 'promptFile'>): string {
  return Buffer.byteLength(prompt) <= longestArgument
    ? prompt
    : `Your task is in the file ${promptFile}. It is too long for one message: read the whole file first, in parts, then do what it says.`;
}
