/**
 * The known name that `name` is most likely a slip of: at most two letters away, one for short names.
 * Undefined when it looks like nothing we know.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    const tolerated = candidate.length > 10 ? 2 : 1;
    if (distance <= tolerated && distance < (nearest?.distance ?? Infinity)) {
      nearest = { name: candidate, distance };
    }
  }
  return nearest?.name;
}

/** Levenshtein distance, one row of its table at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column++) {
      next.push(
        Math.min(
          row[column]! + 1,
          next[column - 1]! + 1,
          row[column - 1]! + (letter === to[column - 1] ? 0 : 1),
        ),
      );
    }
    row = next;
  }
  return row[to.length]!;
}
