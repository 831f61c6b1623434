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
  for (let index = 0; index < from.length; index++) {
    let left = index + 1;
    const next = [left];
    for (const [column, above] of row.slice(1).entries()) {
      const diagonal = row[column] ?? 0;
      left = Math.min(above + 1, left + 1, diagonal + (from[index] === to[column] ? 0 : 1));
      next.push(left);
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
