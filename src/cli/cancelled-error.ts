/** The person has had enough: Ctrl-C. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError';
}
