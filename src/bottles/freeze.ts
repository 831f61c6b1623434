import { type HostContext, pathsOf } from './host-context.ts';
import { readManifest } from './manifest.ts';

/** Ends what runs in a bottle and keeps its state. Does nothing where the bottle's backend cannot be had here any more. */
export async function freezeBottle(host: HostContext, slug: string): Promise<void> {
  const paths = pathsOf(host, slug);
  // Without a manifest the bottle's making was cut short: what there may be of it is the default's.
  await host.backends.get(readManifest(paths)?.backend ?? 'local')?.freeze(paths);
}
