/** More than any answer has, with what its tokens might have been. */
const maxAnswerParts = 300_000;

/**
 * Counts what begins a value, also where it is part of a text: nothing but `{},` takes forty times its size in memory when it
 * is parsed.
 */
export function countParts(json: Buffer): number {
  let parts = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === 0x2c || byte === 0x5b || byte === 0x7b) parts++;
  }
  return parts;
}

/** What a model server says: undefined when it is no JSON, or made to take memory. */
export function parseAnswer(json: Buffer): unknown {
  if (countParts(json) > maxAnswerParts) return undefined;
  try {
    return JSON.parse(json.toString('utf8'));
  } catch {
    return undefined;
  }
}
