/** One run of a benchmark: what it starts ends with it, also when it is interrupted while starting. */
export class Bench implements AsyncDisposable {
  readonly signal: AbortSignal;
  readonly #started = new AsyncDisposableStack();

  /** @param signal aborts when the person at the terminal has had enough */
  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Starts something that is ended with the benchmark. */
  async own<T extends AsyncDisposable>(start: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const starting = start();
    this.#started.defer(async () => {
      const started = await starting.catch(() => undefined);
      await started?.[Symbol.asyncDispose]();
    });
    return await starting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#started.disposeAsync();
  }
}
