/** `one problem`, `3 problems`, within a sentence. */
export function count(things: number, noun: string): string {
  return things === 1 ? `one ${noun}` : `${things} ${noun}s`;
}
