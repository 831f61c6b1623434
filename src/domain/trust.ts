import { ForgeDeniedError } from './errors.ts';
import type { RepositoryRef } from './issue.ts';

/** What a forge can be asked about people. */
interface People {
  isOrgMember(org: string, login: string): Promise<boolean>;
  canWrite(repository: RepositoryRef, login: string): Promise<boolean>;
}

/**
 * Whether somebody may instruct agents in a repository: our own account, a member of the org, or who may write there.
 * A forge may tell only administrators who may write: then `onUntold` is called, and only the others count.
 */
export async function isTrusted(
  forge: People,
  org: string,
  ownLogin: string,
  repository: RepositoryRef,
  login: string,
  onUntold: (reason: string) => void,
): Promise<boolean> {
  if (login === ownLogin || (await forge.isOrgMember(org, login))) {
    return true;
  }
  try {
    return await forge.canWrite(repository, login);
  } catch (error) {
    if (!(error instanceof ForgeDeniedError) || error.status === 401) {
      throw error;
    }
    onUntold(error.message);
    return false;
  }
}
