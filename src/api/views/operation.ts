import { z } from 'zod';
import type { Operation, OperationName } from '../../domain/operation.ts';
import { isoTime, time } from './time.ts';

export const operationOutcomes = [
  'ok',
  'rejected',
  'error',
] as const satisfies readonly Operation['outcome'][];

export const operationNames = [
  'read_issue',
  'read_pr',
  'read_comments',
  'post_comment',
  'update_description',
  'open_pr',
  'signal_done',
  'git_push',
  'unknown',
] as const satisfies readonly OperationName[];

/** One entry of the op log. */
export const operationView = z
  .object({
    run: z.int(),
    sequence: z.int(),
    at: time,
    operation: z.string(),
    target: z.string(),
    arguments: z.string().meta({ description: 'The beginning of the arguments.' }),
    argumentsDigest: z.string().meta({ description: 'SHA-256 of the arguments, in hex.' }),
    outcome: z.enum(operationOutcomes),
    reason: z.string().nullable(),
    durationMs: z.number(),
  })
  .meta({ id: 'Operation' });

export type OperationView = z.infer<typeof operationView>;

export function viewOperation(operation: Operation & { readonly run: number }): OperationView {
  return {
    run: operation.run,
    sequence: operation.sequence,
    at: isoTime(operation.at),
    operation: operation.operation,
    target: operation.target,
    arguments: operation.argumentsShort,
    argumentsDigest: operation.argumentsDigest,
    outcome: operation.outcome,
    reason: operation.reason ?? null,
    durationMs: operation.durationMs,
  };
}
