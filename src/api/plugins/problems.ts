import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type {
  FastifyBaseLogger,
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
} from 'fastify';
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
}

/**
 * An unknown path is a 404 whatever is sent to it. Called again for every part that has hooks of its own, so that they
 * run before.
 */
export function answerUnknownPaths(part: FastifyInstance): void {
  // Before the body is read, which might be refused for its type or size instead.
  part.addHook('preParsing', (request, _reply, payload, done) => {
    if (request.is404) {
      done(unknownPath(request));
    } else {
      done(null, payload);
    }
  });
  part.setNotFoundHandler((request) => {
    throw unknownPath(request);
  });
}

function unknownPath({ method, url }: FastifyRequest): ProblemError {
  return new ProblemError(404, `There is no ${method} ${url.split('?')[0]}.`);
}

/** For `frameworkErrors`: a path that no router can read. */
export function answerBadPath(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  void send(request, reply, error.statusCode ?? 400, { detail: error.message });
}

const brokenRequests: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** For `clientErrorHandler`: what is no HTTP, too slow, or has too many headers. It never becomes a request. */
export function answerBrokenRequests(
  log: FastifyBaseLogger,
): (error: Error & { readonly code?: string }, socket: Socket) => void {
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || socket.destroyed) {
      return;
    }
    const status = brokenRequests[error.code ?? ''] ?? 400;
    const requestId = randomUUID();
    log.debug({ reqId: requestId, err: error }, 'request refused: broken');
    const body = JSON.stringify(problem(status, requestId));
    if (socket.writable) {
      socket.write(
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${problemMediaType}\r\n` +
          `content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      );
    }
    socket.destroy(error);
  };
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
