import { z } from 'zod';

export const time = z.iso.datetime();

/** Epoch milliseconds as ISO 8601 in UTC; null for undefined. */
export function isoTime(ms: number): string;
export function isoTime(ms: number | undefined): string | null;
export function isoTime(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
