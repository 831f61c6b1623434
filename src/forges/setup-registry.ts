import type { ForgeSetup } from './forge-setup.ts';
import { createGiteaSetup } from './gitea/gitea-setup.ts';
import type { ForgeKind, ForgeSettings } from './registry.ts';

/** Apart from `registry`, which is part of every supervisor. */
const adapters = { gitea: createGiteaSetup } satisfies Record<
  ForgeKind,
  (settings: ForgeSettings) => ForgeSetup
>;

/** @throws ConfigError when the settings cannot be used */
export function createForgeSetup(kind: ForgeKind, settings: ForgeSettings): ForgeSetup {
  return adapters[kind](settings);
}
