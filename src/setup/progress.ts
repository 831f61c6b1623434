import { ForgeDeniedError, ForgeNotFoundError, ForgeRefusedError } from '../domain/errors.ts';
import type { Person } from './person.ts';

/** It cannot go on from here. The message says what to do before the next try. */
export class SetupStoppedError extends Error {
  override readonly name = 'SetupStoppedError';
}

/** A thing that is to be made or changed. */
export interface Change {
  /** As an imperative: `Make the org bot-bottle`. */
  readonly proposal: string;
  /** As what was done: `made the org bot-bottle`. */
  readonly done: string;
  /** How a person does it, when we may not. */
  readonly byHand: string;
  make(): Promise<unknown>;
}

/** What was found, made and left in one set-up, told to the person as it happens. */
export class Progress {
  readonly person: Person;
  readonly signal: AbortSignal;
  #changes = 0;
  #left = 0;

  constructor(person: Person, signal: AbortSignal) {
    this.person = person;
    this.signal = signal;
  }

  get changes(): number {
    return this.#changes;
  }

  /** How much is left for a person to do. */
  get left(): number {
    return this.#left;
  }

  tellRight(text: string): void {
    this.person.tellRight(text);
  }

  tellChanged(text: string): void {
    this.#changes += 1;
    this.person.tellChanged(text);
  }

  tellLeft(text: string): void {
    this.#left += 1;
    this.person.tellLeft(text);
  }

  /** What was told last as left is tried again. */
  takeBackLeft(): void {
    this.#left -= 1;
  }

  /**
   * Makes a change if the person agrees.
   * @returns whether it was made; if not, what is left to do was told
   * @throws what is no refusal of the forge's: it is away, for example
   */
  async change({ proposal, done, byHand, make }: Change): Promise<boolean> {
    this.signal.throwIfAborted();
    if (!(await this.person.agrees(proposal))) {
      this.tellLeft(`Not done: ${proposal}. ${byHand}`);
      return false;
    }
    this.signal.throwIfAborted();
    try {
      await make();
    } catch (error) {
      if (!isRefusal(error)) {
        throw error;
      }
      this.tellLeft(`Not done, as the forge refuses: ${proposal}. ${byHand} (${error.message})`);
      return false;
    }
    this.tellChanged(done);
    return true;
  }
}

/** No right, no such thing, or not in this way: nothing that another try would mend. */
export function isRefusal(
  error: unknown,
): error is ForgeDeniedError | ForgeNotFoundError | ForgeRefusedError {
  return (
    error instanceof ForgeDeniedError ||
    error instanceof ForgeNotFoundError ||
    error instanceof ForgeRefusedError
  );
}
