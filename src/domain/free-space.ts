/** The least space that should be free: so many bytes, or a share of the file system. */
export type LeastFree = { readonly bytes: number } | { readonly percent: number };

/** Of a file system, in bytes: what this user may still write, and all of it. */
export interface DiskSpace {
  readonly free: number;
  readonly total: number;
}

/** How a least free space is written, for error messages and the reference. */
export const leastFreeForm =
  'a size with MiB, GiB or TiB, such as 2GiB, or a share from 1% to 99%, such as 5%';

const units = { MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;

/** Reads `2GiB`, `512MiB` or `5%`; undefined for anything else. */
export function parseLeastFree(text: string): LeastFree | undefined {
  const [, digits, unit] = /^([1-9]\d{0,5})(MiB|GiB|TiB|%)$/.exec(text.trim()) ?? [];
  const amount = Number(digits);
  if (unit === undefined || (unit === '%' && amount > 99)) {
    return undefined;
  }
  return unit === '%' ? { percent: amount } : { bytes: amount * units[unit as keyof typeof units] };
}

/** More than is asked for has to be free before scarce space counts as plenty again: it goes up and down by itself. */
const plenty = 1.25;

/** `scarce` below the least, `plenty` well above it, `between` where it stays what it was. */
export function judgeSpace(
  { free, total }: DiskSpace,
  least: LeastFree,
): 'scarce' | 'between' | 'plenty' {
  const limit = 'bytes' in least ? least.bytes : (total * least.percent) / 100;
  if (free < limit) {
    return 'scarce';
  }
  // Of a file system that is not much larger than the limit, all of it is enough.
  return free >= Math.min(limit * plenty, (limit + total) / 2) ? 'plenty' : 'between';
}

export function formatSize(bytes: number): string {
  return bytes < units.GiB
    ? `${Math.floor(bytes / units.MiB)} MiB`
    : `${(bytes / units.GiB).toFixed(1)} GiB`;
}
