import type { Outcome } from '../domain/run.ts';

/** Why a run is to end. */
export interface EndCause {
  readonly outcome: Outcome;
  readonly reason?: string;
  /** Outcome `parked`: epoch milliseconds at which the model's provider takes requests again. */
  readonly parkedUntil?: number;
}

/** The wish to end a run. The first one counts. */
export class Ending {
  readonly #wish = Promise.withResolvers<EndCause>();
  #cause: EndCause | undefined;

  /** Undefined while nobody wishes it. */
  get cause(): EndCause | undefined {
    return this.#cause;
  }

  /** Resolves when somebody wishes it. Never rejects. */
  get requested(): Promise<EndCause> {
    return this.#wish.promise;
  }

  request(cause: EndCause): void {
    this.#cause ??= cause;
    this.#wish.resolve(cause);
  }
}
