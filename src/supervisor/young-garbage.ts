const collectBytes = 3 * 1024 * 1024;

/**
 * Each chunk of a stream is garbage at once, but V8 alone lets some 80 MiB of it gather: the host starts the supervisor
 * with `--expose-gc`.
 * @returns to be called with the length of each chunk
 */
export function createYoungCollector(): (bytes: number) => void {
  let uncollected = 0;
  return (bytes) => {
    uncollected += bytes;
    if (uncollected > collectBytes) {
      uncollected = 0;
      globalThis.gc?.({ type: 'minor' });
    }
  };
}
