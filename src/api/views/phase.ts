import { z } from 'zod';
import { phases, type Outcome, type Status } from '../../domain/run.ts';

const outcomes = [
  'done',
  'exited',
  'watchdog',
  'deadline',
  'budget',
  'parked',
  'lost',
  'cancelled',
] as const satisfies readonly Outcome[];

export const phaseView = z.enum(phases).meta({ id: 'Phase' });
export const outcomeView = z.enum(outcomes).meta({ id: 'Outcome' });
export const statusView = z
  .enum(['running', 'frozen', 'destroyed'] as const satisfies readonly Status[])
  .meta({ id: 'Status' });
