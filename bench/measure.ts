/** Epoch milliseconds, finer than `Date.now()`: comparable with the times of other processes of this machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** @throws RangeError when there is nothing to take it of */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) {
    throw new RangeError('the median of nothing');
  }
  return (low + high) / 2;
}

/**
 * Measures two things in turn (A B A B …), so that whatever else the machine does meets both alike. A first round warms up
 * and does not count.
 * @returns the median of each
 */
export async function inTurn(
  rounds: number,
  signal: AbortSignal,
  ours: () => Promise<number>,
  bare: () => Promise<number>,
): Promise<{ ours: number; bare: number }> {
  const measured: { ours: number[]; bare: number[] } = { ours: [], bare: [] };
  for (let round = 0; round <= rounds; round++) {
    signal.throwIfAborted();
    const pair = { ours: await ours(), bare: await bare() };
    if (round > 0) {
      measured.ours.push(pair.ours);
      measured.bare.push(pair.bare);
    }
  }
  return { ours: median(measured.ours), bare: median(measured.bare) };
}
