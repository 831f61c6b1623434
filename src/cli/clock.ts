import { formatElapsed, formatLength } from './elapsed.ts';
import type { GlobalOptions } from './global-options.ts';

export const timeStyles = ['relative', 'iso'] as const;

/** How people are told points in time: by their distance from now, or as ISO 8601 in UTC. */
export type TimeStyle = (typeof timeStyles)[number];

/** What a point in time is told by. */
export interface Clock {
  readonly style: TimeStyle;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** As `--time` says, and as late as it is. */
export function readClock({ time }: Pick<GlobalOptions, 'time'>): Clock {
  return { style: time, now: Date.now() };
}

/**
 * A point in time, past or to come: `3m 20s ago`, `in 2h 5m`, or `2026-01-31T14:05:09Z`.
 * @param time ISO 8601
 */
export function formatTime(time: string, { style, now }: Clock): string {
  if (style === 'iso') {
    return isoTime(Date.parse(time));
  }
  const distance = Date.parse(time) - now;
  return distance > 0 ? `in ${formatLength(distance)}` : `${formatLength(-distance)} ago`;
}

/** Since when something is so: `2h 5m`, or `2026-01-31T14:05:09Z`. @param time ISO 8601 */
export function formatSince(time: string, clock: Clock): string {
  return clock.style === 'iso'
    ? formatTime(time, clock)
    : formatElapsed(clock.now - Date.parse(time));
}

/** Until when something is so: `for 2h 5m more`, or `until 2026-01-31T14:05:09Z`. @param time ISO 8601 */
export function formatUntil(time: string, clock: Clock): string {
  return clock.style === 'iso'
    ? `until ${formatTime(time, clock)}`
    : `for ${formatElapsed(Date.parse(time) - clock.now)} more`;
}

/** `2026-01-31T14:05:09Z`. @param ms epoch milliseconds */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
