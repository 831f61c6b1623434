import type { BottleHost } from '../bottles/host.ts';

/**
 * The places of a host. A run takes one from the beginning of its launch until its supervisor is gone. Living supervisors
 * are read from disk; launches under way are this process's own, and count once whether or not they show there yet.
 */
export class Places {
  readonly #host: Pick<BottleHost, 'list'>;
  readonly #launching = new Set<string>();
  readonly limit: number;

  constructor(host: Pick<BottleHost, 'list'>, limit: number) {
    this.#host = host;
    this.limit = limit;
  }

  /** Taken by supervisors that live, without those that are being launched. */
  async countSettled(): Promise<number> {
    const bottles = await this.#host.list();
    return bottles.filter(
      ({ slug, livingRun }) => livingRun !== undefined && !this.#launching.has(slug),
    ).length;
  }

  /**
   * Holds a place for `slug` while it is launched. Resolves with `full`, without having begun, when there is none.
   * A bottle that has a living supervisor already keeps its place.
   */
  async launch<T>(slug: string, work: () => Promise<T>): Promise<T | 'full'> {
    const others = (await this.#host.list()).filter(
      (bottle) => bottle.livingRun !== undefined && bottle.slug !== slug,
    );
    const taken = new Set([...others.map((bottle) => bottle.slug), ...this.#launching]);
    taken.delete(slug);
    if (taken.size >= this.limit) {
      return 'full';
    }
    this.#launching.add(slug);
    try {
      return await work();
    } finally {
      this.#launching.delete(slug);
    }
  }
}
