/** How long, in its two largest units: `45s`, `3m`, `2h 5m`, `4d 1h`. Minutes are enough from one minute on. */
export function formatElapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) {
    return `${seconds}s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    return `${minutes}m`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 24
    ? withRest(`${hours}h`, minutes % 60, 'm')
    : withRest(`${Math.floor(hours / 24)}d`, hours % 24, 'h');
}

/** A run's length to the second: `45s`, `3m 20s`, `2h 5m`. */
export function formatLength(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds >= 60 && seconds < 3600
    ? withRest(`${Math.floor(seconds / 60)}m`, seconds % 60, 's')
    : formatElapsed(seconds * 1000);
}

function withRest(text: string, rest: number, unit: string): string {
  return rest === 0 ? text : `${text} ${rest}${unit}`;
}
