import {
  ForgeDeniedError,
  ForgeNotFoundError,
  ForgeRefusedError,
  type ForgeError,
} from '../../domain/errors.ts';
import type { ProbedScope } from '../forge-setup.ts';
import type { GiteaClient } from './client.ts';

interface Scope {
  /** As Gitea's API calls it. */
  readonly scope: string;
  readonly neededFor: string;
  readonly probe: readonly ['GET' | 'POST' | 'PATCH', string];
}

/**
 * What the orchestrator's own token needs. Gitea lets nobody be called `-`: whoever has the scope is told that there is no
 * such thing.
 */
export const neededScopes: readonly Scope[] = [
  {
    scope: 'read:user',
    neededFor: "the account's own name",
    probe: ['GET', '/user'],
  },
  {
    scope: 'write:issue',
    neededFor: 'issues, comments, labels',
    probe: ['POST', '/repos/-/-/issues/1/comments'],
  },
  {
    scope: 'write:repository',
    neededFor: 'pull requests, git fetch and push, who may write, webhooks',
    probe: ['PATCH', '/repos/-/-'],
  },
  {
    scope: 'read:organization',
    neededFor: 'who is a member of the org',
    probe: ['GET', '/orgs/-'],
  },
];

/** @throws ForgeDeniedError with status 401 when Gitea does not know the token */
export async function probeScope(
  client: GiteaClient,
  { scope, neededFor, probe: [method, path] }: Scope,
): Promise<ProbedScope> {
  try {
    await client.command(method, path, method === 'GET' ? undefined : {});
    return { scope, neededFor, granted: true };
  } catch (error) {
    return { scope, neededFor, granted: isGranted(error) };
  }
}

/** Scopes are checked before anything else, and only then the account's rights and what was sent. */
function isGranted(error: unknown): boolean {
  if (error instanceof ForgeDeniedError && error.status === 403) {
    return !/required scope/.test(error.message);
  }
  if (error instanceof ForgeNotFoundError || error instanceof ForgeRefusedError) {
    return true;
  }
  throw error as ForgeError;
}
