/** Where a run went, and where it was not let. */
export interface EgressSummary {
  readonly allowed: readonly {
    readonly host: string;
    readonly connections: number;
    /** From the bottle. */
    readonly bytesOut: number;
    readonly bytesIn: number;
  }[];
  readonly refused: readonly { readonly host: string; readonly count: number }[];
}
