import type { RelayContext } from '../backend.ts';

/** What the CLI hands on to its forge sidecar, for a start and for a resume alike. Holds the token. */
export function forgeEnvironment(
  { request, credentials }: RelayContext,
  queue: string,
): Record<string, string> {
  return {
    FORGE_GITEA_API: credentials.apiUrl,
    FORGE_OWNER: request.repository.owner,
    FORGE_REPO: request.repository.name,
    FORGE_TOKEN: credentials.token,
    FORGE_ISSUE_NUMBER: String(request.issueNumber),
    FORGE_PR_NUMBER: request.pullRequestNumber?.toString() ?? '',
    FORGE_QUEUE_DIR: queue,
  };
}
