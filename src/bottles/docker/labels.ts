import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { BottlePaths } from '../directory.ts';

/** The same slug may be in two data directories of one Engine. */
export function dataDigest({ root }: BottlePaths): string {
  return createHash('sha256').update(dirname(root)).digest('hex').slice(0, 8);
}

/** What a bottle's containers and images are found by, whatever became of the bottle's directory. */
export function bottleLabels(paths: BottlePaths): Record<string, string> {
  return { 'bot-bottle.slug': paths.slug, 'bot-bottle.data': dataDigest(paths) };
}

/** As the Engine's listings take it. */
export function labelFilter(paths: BottlePaths): { label: string[] } {
  return { label: Object.entries(bottleLabels(paths)).map(([name, value]) => `${name}=${value}`) };
}
