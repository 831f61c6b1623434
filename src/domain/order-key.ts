/**
 * Names the queue of an issue: events with one key reach their workflow one after the other, in the order of arrival.
 * A repository's id, not its name: a rename changes nothing.
 */
export function orderKey(repositoryId: number, issueNumber: number): string {
  return `${repositoryId}/${issueNumber}`;
}

/** The issue's number in a key made by `orderKey`. */
export function issueOfOrderKey(key: string): number {
  return Number(key.slice(key.indexOf('/') + 1));
}
