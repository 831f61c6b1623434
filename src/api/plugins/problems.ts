import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { WorkflowsUnavailableError } from '../issue-commands.ts';
import { problem, ProblemError, problemMediaType, type Problem } from '../problem.ts';

/** Every error leaves as problem details. What we did not foresee is logged whole and leaves without a word of it. */
export function answerWithProblems(server: FastifyInstance): void {
  server.setErrorHandler<FastifyError | ProblemError | WorkflowsUnavailableError>(
    (error, request, reply) => {
      if (error instanceof ProblemError) {
        return send(request, reply, error.status, { detail: error.message });
      }
      if (error instanceof WorkflowsUnavailableError) {
        request.log.warn({ err: error }, 'the workflows cannot be reached');
        return send(request, reply, 503, { detail: error.message });
      }
      if ('validation' in error && error.validation !== undefined) {
        const where = error.validationContext ?? 'request';
        return send(request, reply, 400, {
          detail: `The ${where} is not of the accepted form.`,
          errors: error.validation.map(({ instancePath, message }) => ({
            at: `${where}${instancePath.replace(/\/$/, '')}`,
            message: message ?? 'is wrong',
          })),
        });
      }
      const status = ('statusCode' in error && error.statusCode) || 500;
      if (status >= 500) {
        request.log.error({ err: error }, 'request failed');
        return send(request, reply, status, { detail: 'See the log of the orchestrator.' });
      }
      return send(request, reply, status, { detail: error.message });
    },
  );
  server.setNotFoundHandler(notFound);
}

/** Set again in every part that has hooks of its own, so that they run before it. */
export function notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return send(request, reply, 404, {
    detail: `There is no ${request.method} ${request.url.split('?')[0]}.`,
  });
}

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  more: Pick<Problem, 'detail' | 'errors'>,
): FastifyReply {
  return (
    reply
      .code(status)
      .type(problemMediaType)
      // The route's own serializers know nothing of errors it did not foresee.
      .serializer(JSON.stringify)
      .send(problem(status, request.id, more))
  );
}
