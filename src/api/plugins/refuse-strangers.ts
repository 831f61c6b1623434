import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { isLoopback } from '../../domain/loopback.ts';
import { ProblemError } from '../problem.ts';

/** Under which names the server is known. */
export interface ServerNames {
  /** Where it listens. */
  readonly host: string;
  /** Where it is reached from outside. */
  readonly publicUrl: string | undefined;
  /** Further host names. */
  readonly allowedHosts: readonly string[];
}

/**
 * Answers only what is meant for this server, and comes from no page of another. A browser can be told by a hostile
 * site that the site's own name is at our address, and then takes us for the site (DNS rebinding); so a name must be
 * one of ours. An address cannot be given to anybody else.
 */
export function refuseStrangers(part: FastifyInstance, names: ServerNames): void {
  const publicUrl = names.publicUrl === undefined ? undefined : new URL(names.publicUrl);
  const ours = [names.host, ...(publicUrl === undefined ? [] : [publicUrl.hostname])];
  const known = new Set([...ours, ...names.allowedHosts].map((name) => name.toLowerCase()));

  part.addHook('onRequest', (request, _reply, done) => {
    const { host, origin } = request.headers;
    // Only HTTP/1.0 may leave it out, and no browser does.
    const name = host === undefined ? 'localhost' : nameOf(host);
    if (!isLoopback(name) && isIP(name) === 0 && !known.has(name)) {
      done(
        new ProblemError(
          421,
          `The host name in "Host: ${host}" is not known as the orchestrator's. Ask at its address, or let ORCHESTRATOR_PUBLIC_URL or ORCHESTRATOR_ALLOWED_HOSTS name it.`,
        ),
      );
    } else if (origin !== undefined && !isOurs(origin, host)) {
      done(new ProblemError(403, 'Pages of other sites may not ask the orchestrator.'));
    } else {
      done();
    }
  });

  function isOurs(origin: string, host: string | undefined): boolean {
    const url = URL.parse(origin);
    return url !== null && (url.host === host?.toLowerCase() || url.origin === publicUrl?.origin);
  }
}

/** `[::1]:8477` and `[::1]` are `::1`; empty for what is no host. */
function nameOf(host: string): string {
  const [, six, name = ''] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d+)?$/i.exec(host) ?? [];
  return (six ?? name).toLowerCase().replace(/\.$/, '');
}
