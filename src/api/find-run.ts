import { z } from 'zod';
import type { RunRecord, Store } from '../store/store.ts';
import { findIssue, issueParams } from './find-issue.ts';
import { ProblemError } from './problem.ts';

export const runParams = issueParams.extend({
  run: z
    .union([z.literal('latest'), z.coerce.number().int().positive()])
    .meta({ description: 'Number of the run in its life, or `latest`.' }),
});

export const lifeQuery = z.coerce
  .number()
  .int()
  .positive()
  .optional()
  .meta({ description: 'Default: the newest.' });

export const runQuery = z.strictObject({ life: lifeQuery });

/** @throws ProblemError 404 when the issue has had no life, or the life no such run */
export async function findRun(
  store: Pick<Store, 'repositories' | 'issues' | 'runs'>,
  params: z.infer<typeof runParams>,
  lifeAskedFor: number | undefined,
): Promise<RunRecord> {
  const { issue, record } = await findIssue(store, params);
  const life = lifeAskedFor ?? record.life;
  const runs = (await store.runs.ofIssue(issue)).filter((run) => run.life === life);
  const run =
    params.run === 'latest' ? runs.at(-1) : runs.find((candidate) => candidate.run === params.run);
  if (run === undefined) {
    const known = runs.map((candidate) => candidate.run).join(', ') || 'none';
    throw new ProblemError(
      404,
      `Life ${life} of the issue has no run ${params.run}. Its runs: ${known}.`,
    );
  }
  return run;
}
