/** Bounds how fast and how many at once an agent may call, so that a loop gone wild hurts only itself. */
export interface Throttle {
  /** Takes a place for one request, or returns false. Give it back with `leave`. */
  enter(): boolean;
  leave(): void;
  /** Takes `calls` from what may be called now, or returns false and takes none. */
  spend(calls: number): boolean;
}

export interface ThrottleLimits {
  readonly inFlight: number;
  readonly perSecond: number;
}

/** @param now milliseconds on a clock that never goes back */
export function createThrottle(
  { inFlight, perSecond }: ThrottleLimits,
  now: () => number = () => performance.now(),
): Throttle {
  let entered = 0;
  let left = perSecond;
  let filledAt = now();
  return {
    enter() {
      if (entered >= inFlight) {
        return false;
      }
      entered++;
      return true;
    },
    leave() {
      entered--;
    },
    spend(calls) {
      const at = now();
      left = Math.min(perSecond, left + ((at - filledAt) / 1000) * perSecond);
      filledAt = at;
      if (calls > left) {
        return false;
      }
      left -= calls;
      return true;
    },
  };
}
