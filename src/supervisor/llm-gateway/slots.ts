import { Refusal } from './refusal.ts';

/** Lets some in at once; some more wait, first come, first served. */
export class Slots {
  readonly #limit: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(limit: number, maxWaiting: number) {
    this.#limit = limit;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Resolves with a place, to be given back by disposing of it.
   * @throws Refusal when too many wait
   */
  async enter(): Promise<Disposable> {
    if (this.#taken < this.#limit) this.#taken++;
    else if (this.#waiting.length < this.#maxWaiting) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      throw new Refusal(
        429,
        `too many requests to models: ${this.#limit} at once are answered, and ${this.#maxWaiting} wait`,
        { headers: { 'retry-after': '1' } },
      );
    }
    return { [Symbol.dispose]: () => this.#leave() };
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken--;
    else next();
  }
}
