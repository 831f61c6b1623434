import type * as z from 'zod';
import type { ProviderName } from '../domain/agent.ts';
import { claude } from './claude.ts';
import { codex } from './codex.ts';
import { pi } from './pi.ts';
import type { AgentProvider } from './provider.ts';
import { script } from './script.ts';

/** By the name that manifests call them. */
export type Providers = { readonly [Name in ProviderName]?: AgentProvider<z.ZodRawShape> };

/** All that there are. */
export const providers: Providers = { script, claude, codex, pi };
