import fastify, { type FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import { webhookRoutes } from '../../src/api/routes/webhooks.ts';
import { WebhookReceipts } from '../../src/api/webhook-receipts.ts';
import type { Comment, IssueRef } from '../../src/domain/issue.ts';
import type { CommandAnswer, IssueCommand } from '../../src/domain/issue-command.ts';
import { giteaWebhooks } from '../../src/forges/gitea/parse-webhook.ts';
import type { DeliveryHandlerParts } from '../../src/inbox/handle-delivery.ts';
import { createInbox, type Inbox } from '../../src/inbox/inbox.ts';
import type { WorkflowEvent, WorkflowSignals } from '../../src/inbox/workflow-signals.ts';
import type { ListedDelivery, Store } from '../../src/store/store.ts';
import { recordedSecret, type RecordedDelivery } from '../api/recorded-deliveries.ts';
import { freshStore } from '../store/fresh-store.ts';
import { until } from '../support/until.ts';

export interface Sent {
  readonly start: boolean;
  readonly issue: IssueRef;
  readonly title?: string;
  readonly event: WorkflowEvent;
}

/** Temporal as the inbox sees it. Give it a `before` to make it fail or wait. */
export class StubSignals implements WorkflowSignals {
  readonly sent: Sent[] = [];
  readonly commands: { issue: IssueRef; title: string; command: IssueCommand }[] = [];
  /** To commands. */
  answer: () => CommandAnswer = () => ({ answer: 'accepted', phase: 'running' });
  /** Whether a life is open for plain signals. */
  open = true;
  before: (issue: IssueRef, event: WorkflowEvent) => Promise<void> = async () => undefined;

  async signalWithStart(
    issue: IssueRef,
    title: string,
    _url: string,
    event: WorkflowEvent,
  ): Promise<void> {
    await this.before(issue, event);
    this.sent.push({ start: true, issue, title, event });
  }

  async signal(issue: IssueRef, event: WorkflowEvent): Promise<'delivered' | 'no-workflow'> {
    await this.before(issue, event);
    if (!this.open) {
      return 'no-workflow';
    }
    this.sent.push({ start: false, issue, event });
    return 'delivered';
  }

  async command(
    issue: IssueRef,
    title: string,
    _url: string,
    command: IssueCommand,
  ): Promise<CommandAnswer> {
    this.commands.push({ issue, title, command });
    return this.answer();
  }

  sequences(issueNumber: number): number[] {
    return this.sent
      .filter(({ issue }) => issue.number === issueNumber)
      .map(({ event }) => event.event.sequence);
  }
}

/** The forge as the inbox sees it: alice and bot may write, carol is a member of the org, all others are outsiders. */
export class StubForge {
  /** Below each pull request. */
  readonly comments = new Map<number, Comment[]>();
  readonly posted: { on: number; body: string }[] = [];
  readonly reactions: string[] = [];
  before: (method: string) => Promise<void> = async () => undefined;

  async whoAmI(): Promise<string> {
    await this.before('whoAmI');
    return 'bot';
  }

  async canWrite(_repository: unknown, login: string): Promise<boolean> {
    await this.before('canWrite');
    return login === 'alice' || login === 'bot';
  }

  async isOrgMember(org: string, login: string): Promise<boolean> {
    await this.before('isOrgMember');
    return org === 'bot-bottle' && login === 'carol';
  }

  async listComments(_repository: unknown, number: number): Promise<readonly Comment[]> {
    await this.before('listComments');
    return this.comments.get(number) ?? [];
  }

  async createComment(_repository: unknown, number: number, body: string): Promise<Comment> {
    await this.before('createComment');
    const id = 1_000 + this.posted.length;
    const comment = {
      id,
      kind: 'conversation',
      author: 'bot',
      body,
      createdAt: '2026-01-01T00:00:00Z',
      url: `http://gitea.example/c/${id}`,
    } as const;
    this.posted.push({ on: number, body });
    this.comments.set(number, [...(this.comments.get(number) ?? []), comment]);
    return comment;
  }

  async addReaction(_repository: unknown, commentId: number, reaction: string): Promise<void> {
    await this.before('addReaction');
    this.reactions.push(`${commentId} ${reaction}`);
  }
}

export interface Stage {
  readonly store: Store;
  readonly signals: StubSignals;
  readonly forge: StubForge;
  readonly inbox: Inbox;
  /** Through the real route, into the real store. Gives the sequence number. */
  readonly deliver: (delivery: RecordedDelivery) => Promise<number>;
  /** The inbox's time stands still but for this. */
  readonly clock: { now: number };
  /** Lets so much time pass for the inbox, and wakes it. */
  readonly pass: (ms: number) => void;
  /** Waits until the delivery is no longer `waiting`. */
  readonly settled: (sequence: number) => Promise<ListedDelivery>;
  readonly delivery: (sequence: number) => Promise<ListedDelivery>;
}

/** Webhook route, store and inbox, started; Temporal and the forge are stubs. */
export async function setStage(path?: string): Promise<Stage> {
  const store = await freshStore(path);
  const signals = new StubSignals();
  const forge: StubForge & DeliveryHandlerParts['forge'] = new StubForge();
  const clock = { now: 1_000_000 };
  const inbox = createInbox({
    store,
    parser: giteaWebhooks,
    forge,
    signals,
    labels: true,
    lookAt: () => 'Look closely.',
    org: 'bot-bottle',
    log: pino({ level: 'silent' }),
    clock: () => clock.now,
  });
  const app: FastifyInstance = fastify();
  await app.register(webhookRoutes, {
    parser: giteaWebhooks,
    secret: recordedSecret,
    names: { host: '127.0.0.1', publicUrl: undefined, allowedHosts: [] },
    deliveries: store.deliveries,
    onSignature: () => {},
    receipts: new WebhookReceipts(),
    onAccepted: () => inbox.wake(),
  });
  inbox.start();
  onTestFinished(async () => {
    signals.before = async () => undefined;
    await inbox.stop();
    await app.close();
  });

  async function delivery(sequence: number): Promise<ListedDelivery> {
    const found = (await store.deliveries.list({ limit: 1_000 })).find(
      (one) => one.sequence === sequence,
    );
    if (found === undefined) {
      throw new Error(`no delivery ${sequence}`);
    }
    return found;
  }

  return {
    store,
    signals,
    forge,
    inbox,
    clock,
    delivery,
    async deliver({ headers, rawBody }) {
      const answer = await app.inject({
        method: 'POST',
        url: '/webhooks/gitea',
        headers,
        payload: rawBody,
      });
      expect(answer.statusCode).toBe(202);
      return answer.json<{ sequence: number }>().sequence;
    },
    pass(ms) {
      clock.now += ms;
      inbox.wake();
    },
    settled: (sequence) =>
      until(`delivery ${sequence} to be settled`, async () => {
        const found = await delivery(sequence);
        return found.state === 'waiting' ? undefined : found;
      }),
  };
}
