import type { ProviderName } from '../domain/agent.ts';
import type { OutputReader } from './output-reader.ts';
import { createClaudeReader } from './readers/claude.ts';
import { createCodexReader } from './readers/codex.ts';
import { createPiReader } from './readers/pi.ts';

/** A reader for one run of such a program; undefined: its output is for people as it is. */
export function createOutputReader(provider: ProviderName): OutputReader | undefined {
  switch (provider) {
    case 'claude':
      return createClaudeReader();
    case 'codex':
      return createCodexReader();
    case 'pi':
      return createPiReader();
    case 'script':
      return undefined;
  }
}
