import { chmodSync, closeSync, openSync } from 'node:fs';

/** Makes the prompt's file, which is mounted before its text is known. The bottle's user reads it, whatever the umask is. */
export function makePromptFile(path: string): void {
  closeSync(openSync(path, 'a'));
  chmodSync(path, 0o644);
}
