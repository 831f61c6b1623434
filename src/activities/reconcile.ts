import type { Logger } from 'pino';
import type { Forge } from '../forges/forge.ts';
import type { FoundOnForge } from '../notifications/webhook-watch.ts';
import type { Store } from '../store/store.ts';
import { heartbeating } from './heartbeat.ts';
import { takeTurn } from './reconcile-turn.ts';

export interface ReconcileActivities {
  /** Takes one turn. Idempotent. */
  reconcile(): Promise<{ requests: number; lookedAt: number; found: number }>;
}

export interface ReconcilePorts {
  /** Of reconcile alone: its requests are counted. */
  readonly forge: Forge;
  readonly store: Store;
  /** The org whose members are assigned to what is a target. */
  readonly org: string;
  /** Called when something was put into the inbox. */
  readonly onFound: (found: FoundOnForge) => void;
  /** Called after each turn. */
  readonly onTurn: () => Promise<void>;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
}

/** Finds what happened on the forge and no webhook told of. What a turn found and what it cost is kept in the store. */
export function createReconcileActivities(ports: ReconcilePorts): ReconcileActivities {
  const { forge, store, onTurn, log } = ports;
  return heartbeating<ReconcileActivities>({
    async reconcile() {
      const beganAt = Date.now();
      const requestsBefore = forge.requests;
      const { lookedAt, found, problem } = await takeTurn(ports);
      const requests = forge.requests - requestsBefore;
      const endedAt = Date.now();
      await store.reconcile.recordTurn({ beganAt, endedAt, requests, lookedAt, found, problem });
      const said = { requests, lookedAt, found };
      const count = Object.values(found).reduce((sum, one) => sum + one, 0);
      if (problem !== undefined) {
        log.warn({ ...said, problem }, 'reconcile is not done; the next turn goes on');
      } else {
        log[count > 0 ? 'info' : 'debug'](said, 'reconciled');
      }
      await onTurn();
      return { requests, lookedAt, found: count };
    },
  });
}
