import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { adminName } from '../callers.ts';
import { findIssue, issueParams, resolveIssue } from '../find-issue.ts';
import type { IssueCommand } from '../issue-commands.ts';
import { ProblemError, problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import { phaseView } from '../views/phase.ts';

const by = z
  .string()
  .trim()
  .regex(/^\P{Cc}{1,100}$/u, { error: 'must be 1 to 100 characters on one line' })
  .optional()
  .meta({
    description:
      "Who asks, for the timeline, which names the token too. Default: the token's name.",
  });

const plainBody = z.object({ by }).nullish();
const extendBody = z.object({
  by,
  seconds: z
    .int()
    .min(1)
    .max(365 * 86_400)
    .meta({ description: "Added to the run's deadline." }),
});
const tags = ['Commands'];

const acceptedView = z.object({ phase: phaseView });

const summaries = {
  approve: 'Let a life begin that waits for approval',
  freeze: 'Stop the run and keep its state',
  resume: 'Run again on the frozen state, with the unread comments as its prompt',
  retry: 'Try again what failed, or begin another life',
  destroy: 'Remove the bottle',
} as const;

/** A command is accepted (202, with the phase that accepted it) or refused (409, with the reason); nothing waits. */
export const commandRoutes: FastifyPluginAsyncZod<ServerParts> = async (
  server,
  { store, commands },
) => {
  for (const type of ['approve', 'freeze', 'resume', 'retry', 'destroy'] as const) {
    server.post(
      `/issues/:owner/:repository/:number/${type}`,
      {
        schema: {
          tags,
          operationId: type,
          summary: summaries[type],
          params: issueParams,
          body: plainBody,
          response: { 202: acceptedView, ...problems(400, 401, 403, 404, 409, 429, 503) },
        },
      },
      async (request, reply) => {
        const command = { type, by: askedBy(request, request.body?.by) };
        return reply.code(202).send(await send(request.params, command));
      },
    );
  }

  server.post(
    '/issues/:owner/:repository/:number/extend',
    {
      schema: {
        tags,
        operationId: 'extend',
        summary: "Move the running run's deadline",
        params: issueParams,
        body: extendBody,
        response: { 202: acceptedView, ...problems(400, 401, 403, 404, 409, 429, 503) },
      },
    },
    async (request, reply) => {
      const command = {
        type: 'extend' as const,
        by: askedBy(request, request.body.by),
        byMs: request.body.seconds * 1000,
      };
      return reply.code(202).send(await send(request.params, command));
    },
  );

  /** The name that somebody gives is not proved; the token's is. */
  function askedBy({ caller }: FastifyRequest, given: string | undefined): string {
    const { name } = caller ?? { name: adminName };
    return given === undefined || given === name ? name : `${given} (token ${name})`;
  }

  async function send(
    params: z.infer<typeof issueParams>,
    command: IssueCommand,
  ): Promise<z.infer<typeof acceptedView>> {
    const { issue } = await resolveIssue(store, params);
    const answer = await commands.send(issue, command);
    switch (answer.answer) {
      case 'accepted':
        return { phase: answer.phase };
      case 'refused':
        throw new ProblemError(409, answer.reason);
      case 'no-workflow': {
        const { record } = await findIssue(store, params);
        throw new ProblemError(
          409,
          `Nothing is under way for the issue: it is ${record.phase}. \`retry\` begins another life.`,
        );
      }
    }
  }
};
