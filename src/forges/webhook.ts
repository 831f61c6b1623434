import type { IssueAction, PullRequestAction } from '../domain/events.ts';
import type { RepositoryRef, ReviewVerdict } from '../domain/issue.ts';

/**
 * Understands a forge's webhook deliveries. Pure: asks nobody, keeps nothing.
 */
export interface WebhookParser {
  /** True when the signature header fits the raw body. Constant-time. False when the header is missing. */
  verify(headers: WebhookHeaders, rawBody: Buffer, secret: string): boolean;
  /**
   * Reads a verified delivery. Its type comes from the payload; the event header, which is not signed, must agree.
   * @throws WebhookFormatError when the body is not what the forge sends
   */
  parse(headers: WebhookHeaders, rawBody: Buffer): ForgeEvent | IgnoredEvent;
}

/** Their names in lower case, as Node has them. */
export type WebhookHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The body is not JSON, lacks a field, or disagrees with its header. Says which. */
export class WebhookFormatError extends Error {
  override readonly name = 'WebhookFormatError';
}

/** A delivery that is understood and means nothing to us. */
export interface IgnoredEvent {
  readonly type: 'ignored';
  /** The event as the forge names it, e.g. `push`. */
  readonly event: string;
  readonly reason: string;
}

interface EventBase {
  readonly repository: RepositoryRef;
  /** Number of the issue or PR the event is about. */
  readonly number: number;
  /** Who acted. */
  readonly sender: string;
  /** Title and web address of the issue or PR, for display only: what counts is read from the forge. */
  readonly title: string;
  readonly url: string;
  /** When the issue or PR was changed, by this event or a later one: epoch milliseconds by the forge's clock. */
  readonly at: number;
}

export type ForgeEvent =
  | (EventBase & { readonly type: 'issue'; readonly action: IssueAction })
  | (EventBase & {
      readonly type: 'pull_request';
      readonly action: PullRequestAction;
      readonly merged: boolean;
      readonly head: PullRequestHead;
    })
  | (EventBase & {
      readonly type: 'comment';
      readonly action: 'created' | 'edited' | 'deleted';
      readonly commentId: number;
      /** Who wrote it first; `sender` is who acted now. */
      readonly author: string;
      readonly body: string;
      /** Set when it is below a PR. */
      readonly head: PullRequestHead | undefined;
      /** A reconcile found it changed since it was written: nobody knows by whom. */
      readonly edited?: boolean;
      readonly beforeLife?: BeforeLife;
    })
  /** A submitted review. Neither its id nor its inline comments are in the payload: read them from the forge. */
  | (EventBase & {
      readonly type: 'review';
      readonly verdict: ReviewVerdict;
      readonly head: PullRequestHead;
      readonly beforeLife?: BeforeLife;
    });

/** What was written before a life began is for its agent to read. It asks for nothing by itself. Webhooks tell when it happens. */
type BeforeLife = boolean;

export interface PullRequestHead {
  readonly branch: string;
  /** Undefined when the head's repository is gone. */
  readonly repositoryId: number | undefined;
}
