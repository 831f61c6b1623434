import { ForgeDeniedError, ForgeMovedError } from '../../domain/errors.ts';
import { apiPath } from './api-path.ts';
import type { GiteaClient } from './client.ts';
import { organizationSchema } from './schema.ts';

/** As `ForgeDirectory.isOrgMember`. */
export async function isOrgMember(
  client: GiteaClient,
  org: string,
  login: string,
): Promise<boolean> {
  try {
    if (await client.exists(apiPath`/orgs/${org}/members/${login}`)) {
      return true;
    }
  } catch (error) {
    if (error instanceof ForgeMovedError && error.status === 303) {
      throw new ForgeDeniedError(
        `only a member may ask who belongs to ${org}: add the account that the forge token belongs to`,
        { status: 303, cause: error },
      );
    }
    throw error;
  }
  // The same 404 stands for an org that is not there: a mistyped one would turn everybody away in silence
  await client.get(apiPath`/orgs/${org}`, organizationSchema);
  return false;
}
