import type { BottleLimits } from '../bottles/backend.ts';
import type { BackendName } from '../domain/bottle.ts';

/**
 * The agents and bottles there are, read from their manifests each time: a manifest that is mended counts at once.
 */
export interface Catalogue {
  /** A manifest with a mistake is not among them; its problem is logged. */
  names(): Promise<{
    readonly agents: ReadonlyMap<string, { readonly bottle: string | undefined }>;
    readonly bottles: ReadonlySet<string>;
  }>;
  /** The bottle's backend, `local` where its manifest names none. */
  backendOf(bottle: string): Promise<BackendName>;
  /**
   * What to execute. @throws LaunchRefusedError when the manifests no longer have this agent or bottle, or are broken
   */
  plan(agent: string, bottle: string): Promise<LaunchPlan>;
}

export interface LaunchPlan {
  /** The manifest's body. */
  readonly standingPrompt: string;
  readonly argv: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: BottleLimits;
}
