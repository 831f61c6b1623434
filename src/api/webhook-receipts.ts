/** What a webhook request was answered. `known`: this very body was delivered before. */
export type WebhookVerdict = 'accepted' | 'known' | 'ignored' | 'refused';

/** One request to a webhook's path, whatever became of it. */
export interface WebhookReceipt {
  /** Grows by one with each. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  readonly verdict: WebhookVerdict;
  /** Of the answer. */
  readonly status: number;
  /** Of a delivery that is stored. */
  readonly sequence: number | undefined;
  /** As the forge names it, in its header: nobody signs that. Empty when there is none. */
  readonly event: string;
  readonly deliveryId: string;
  /** Why it is ignored or refused. */
  readonly reason: string | undefined;
  /** The address it came from: a proxy's, if there is one. */
  readonly from: string;
  /** The query parameter `test`, by which whoever makes the forge deliver finds the delivery again. */
  readonly test: string | undefined;
}

/** As many as a page shows; a flood of refused ones leaves the others alone. */
const kept = 200;

/**
 * The last webhook requests since the start, in memory: of those that are refused nothing is stored, since anybody can
 * send them, and yet somebody has to be able to see that the forge tries.
 */
export class WebhookReceipts {
  readonly #refused: WebhookReceipt[] = [];
  readonly #answered: WebhookReceipt[] = [];
  #number = 0;

  add(receipt: Omit<WebhookReceipt, 'number'>): void {
    const receipts = receipt.verdict === 'refused' ? this.#refused : this.#answered;
    receipts.push({ ...receipt, number: ++this.#number });
    if (receipts.length > kept) {
      receipts.shift();
    }
  }

  /** The newest first. @param test only those of this test */
  list({ test }: { readonly test?: string } = {}): readonly WebhookReceipt[] {
    return [...this.#refused, ...this.#answered]
      .filter((receipt) => test === undefined || receipt.test === test)
      .toSorted((one, other) => other.number - one.number);
  }
}
