/**
 * The invisible mark on every comment we post. It finds a comment again whose answer never arrived, so that it is
 * posted once, and tells our own comments from people's until their ids are stored.
 */
export interface MarkerKey {
  readonly slug: string;
  /** The run in which the comment was posted; 0 for one that belongs to the life as a whole. */
  readonly run: number;
  /** Names this one comment within the run: lower-case letters, digits and dashes. */
  readonly digest: string;
}

const markerPattern = /^<!-- bot-bottle:([a-z0-9-]+):(\d{1,9}):([a-z0-9-]+) -->$/;

/** The marker as a line of its own. Append it to the body after an empty line: it counts only as the last line. */
export function commentMarker(key: MarkerKey): string {
  const marker = `<!-- bot-bottle:${key.slug}:${key.run}:${key.digest} -->`;
  if (!markerPattern.test(marker)) {
    throw new TypeError(`not a marker's key: ${JSON.stringify(key)}`);
  }
  return marker;
}

/**
 * The marker a body ends with, or undefined. One that is quoted, or further up, does not count: a person's
 * answer below a quoted comment stays a person's.
 */
export function findMarker(body: string): MarkerKey | undefined {
  const text = body.trimEnd();
  const match = markerPattern.exec(text.slice(text.lastIndexOf('\n') + 1));
  if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) {
    return undefined;
  }
  return { slug: match[1], run: Number(match[2]), digest: match[3] };
}
