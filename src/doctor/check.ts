/**
 * One thing that `doctor` looks at. Independent checks run at the same time, so a check changes nothing, keeps no state,
 * and asks for itself what it needs to know.
 */
export interface Check {
  /** As people read it, unique: `forge token`. */
  readonly name: string;
  /** Without these it could say nothing: when one of them fails it is left out. */
  readonly needs?: readonly Check[];
  /**
   * Looks. What it throws is told as a failure, so only what was not foreseen should be thrown.
   * @param signal aborts when the time for a check is over: whatever is under way then ends with it
   */
  run(signal: AbortSignal): Promise<readonly Finding[]>;
}

/** What a check saw; each is a sentence without a full stop. */
export type Finding =
  | { readonly verdict: 'pass'; readonly seen: string }
  | Trouble
  /** The check was left out; `seen` says why. */
  | { readonly verdict: 'skipped'; readonly seen: string };

export interface Trouble {
  /** `warn`: it works, and somebody should know. */
  readonly verdict: 'warn' | 'fail';
  readonly seen: string;
  /** What a person does to mend it: whole sentences, commands and lines to be copied. */
  readonly fix: string;
  /**
   * Does what `fix` says, where that needs no decision and loses nothing. Idempotent.
   * @throws Error when it cannot; `fix` then remains to be done by hand
   */
  readonly mend?: (signal: AbortSignal) => Promise<void>;
}

export type Verdict = Finding['verdict'];

export function pass(seen: string): Finding {
  return { verdict: 'pass', seen };
}

export function warn(seen: string, fix: string, mend?: Trouble['mend']): Trouble {
  return { verdict: 'warn', seen, fix, ...(mend && { mend }) };
}

export function fail(seen: string, fix: string, mend?: Trouble['mend']): Trouble {
  return { verdict: 'fail', seen, fix, ...(mend && { mend }) };
}

/** The check of something whose settings are not usable: it says no more than that. */
export function unset(name: string, settings: Check): Check {
  return {
    name,
    run: async () => [{ verdict: 'skipped', seen: `needs ${settings.name}` }],
  };
}
