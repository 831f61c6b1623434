import { type FSWatcher, watch } from 'node:fs';

/**
 * Tells that a file or directory may have changed. A poll backs the notification up, since some file systems send none.
 * Take the watch first, then look, then wait: a change between the look and the wait is not missed.
 */
export class PathWatch implements Disposable {
  readonly #pollMs: number;
  readonly #watcher: FSWatcher | undefined;
  #changed = false;
  #wake: (() => void) | undefined;

  /** @param pollMs the longest a change may stay unseen */
  constructor(path: string, pollMs: number) {
    this.#pollMs = pollMs;
    try {
      this.#watcher = watch(path, { persistent: false }, () => this.#notify()).on(
        'error',
        () => {},
      );
    } catch {
      // No such path yet, or no more inotify watches: the poll does it alone.
    }
  }

  /** Resolves at the next change, at the poll, or when `signal` aborts. Never rejects. */
  async next(signal: AbortSignal): Promise<void> {
    if (!this.#changed && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#pollMs);
        const wake = (): void => {
          clearTimeout(timer);
          resolve();
        };
        this.#wake = wake;
        signal.addEventListener('abort', wake, { once: true });
      });
      this.#wake = undefined;
    }
    this.#changed = false;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }

  #notify(): void {
    this.#changed = true;
    this.#wake?.();
  }
}
