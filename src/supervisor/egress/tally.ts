import type { EgressSummary } from '../../domain/egress.ts';

interface HostTally {
  connections: number;
  bytesOut: number;
  bytesIn: number;
}

/** So many hosts have a line of their own; the rest share one. */
const maxHosts = 100;
const others = '(others)';

/** Counts by host. Does not grow without bound, whatever the bottle asks for. */
export class EgressTally {
  readonly #allowed = new Map<string, HostTally>();
  readonly #refused = new Map<string, number>();

  /** The counters of a host, to be added to. */
  allowed(host: string): HostTally {
    const line = lineOf(this.#allowed, host);
    const tally = this.#allowed.get(line) ?? { connections: 0, bytesOut: 0, bytesIn: 0 };
    this.#allowed.set(line, tally);
    return tally;
  }

  refuse(host: string): void {
    const line = lineOf(this.#refused, host);
    this.#refused.set(line, (this.#refused.get(line) ?? 0) + 1);
  }

  summary(): EgressSummary {
    return {
      allowed: [...this.#allowed].map(([host, tally]) => ({ host, ...tally })),
      refused: [...this.#refused].map(([host, count]) => ({ host, count })),
    };
  }
}

function lineOf(lines: ReadonlyMap<string, unknown>, host: string): string {
  return lines.has(host) || lines.size < maxHosts ? host : others;
}
