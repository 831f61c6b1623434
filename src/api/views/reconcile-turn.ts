import { z } from 'zod';
import type { ReconcileTurn } from '../../store/store.ts';
import { isoTime, time } from './time.ts';

/** One turn of the comparison of the forge with what was seen. */
export const reconcileTurnView = z
  .object({
    beganAt: time,
    endedAt: time,
    requests: z.int().meta({ description: 'Requests that the forge was sent.' }),
    lookedAt: z.int().meta({ description: 'Issues and pull requests that were compared.' }),
    found: z
      .record(z.string(), z.int())
      .meta({ description: 'How many of which event no webhook had told of.' }),
    problem: z
      .string()
      .nullable()
      .meta({ description: 'Why it ended early; the next one goes on.' }),
  })
  .meta({ id: 'ReconcileTurn' });

export function viewReconcileTurn(turn: ReconcileTurn): z.infer<typeof reconcileTurnView> {
  return {
    ...turn,
    beganAt: isoTime(turn.beganAt),
    endedAt: isoTime(turn.endedAt),
    found: { ...turn.found },
    problem: turn.problem ?? null,
  };
}
