const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof unitMs;

/** How a duration is written, for error messages and the reference. */
export const durationForm =
  'a whole number with s, m, h or d, such as 10s, 30m, 4h, 2d; without a unit it is seconds';

/** Reads `10s`, `30m`, `4h`, `2d`, or a bare number of seconds, as milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})([smhd])?$/.exec(text.trim());
  if (match?.[1] === undefined) {
    return undefined;
  }
  const ms = Number(match[1]) * unitMs[(match[2] as Unit | undefined) ?? 's'];
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** Writes whole seconds (given in milliseconds) in the largest unit that loses nothing: `parseDuration` reads it back. */
export function formatDuration(ms: number): string {
  const unit = (['d', 'h', 'm'] as const).find((candidate) => ms % unitMs[candidate] === 0);
  return ms === 0 || unit === undefined ? `${ms / unitMs.s}s` : `${ms / unitMs[unit]}${unit}`;
}
