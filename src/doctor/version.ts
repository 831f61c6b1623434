/** Compares versions number by number; what follows the numbers does not count. */
export function isOlder(version: string, oldest: string): boolean {
  const [ours, theirs] = [numbersOf(version), numbersOf(oldest)];
  const at = theirs.findIndex((number, index) => (ours[index] ?? 0) !== number);
  return at !== -1 && (ours[at] ?? 0) < (theirs[at] ?? 0);
}

function numbersOf(version: string): number[] {
  return (/\d+(\.\d+)*/.exec(version)?.[0] ?? '').split('.').map(Number);
}
