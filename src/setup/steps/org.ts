import { ForgeDeniedError, ForgeNotFoundError } from '../../domain/errors.ts';
import type { ForgeSetup } from '../../forges/forge-setup.ts';
import type { Progress } from '../progress.ts';
import type { Accounts } from './account.ts';

/** The org whose members' issues are taken up, with the orchestrator's account in it. */
export async function prepareOrg(
  org: string,
  { own, person, login }: Accounts,
  progress: Progress,
): Promise<void> {
  if (!(await person.orgExists(org))) {
    const made = await progress.change({
      proposal: `Make the org ${org}, seen by its members only`,
      done: `made the org ${org}`,
      byHand: `Make it on Gitea (+ › New Organization), or, if it is there and hidden from you, have its owner add ${login}.`,
      make: () => person.createOrg(org),
    });
    if (!made) {
      return;
    }
  }
  if ((await isMember(person, org, login)) || (await isMember(own, org, login))) {
    progress.tellRight(`${login} is a member of the org ${org}`);
    return;
  }
  await progress.change({
    proposal: `Make ${login} a member of the org ${org}`,
    done: `made ${login} a member of ${org}`,
    byHand: `An owner of ${org} does it: the org's page › Teams › a team › add ${login}.`,
    make: () => person.addOrgMember(org, login),
  });
}

/** Only members may ask, and only they see a private org: who may not ask of itself is none. */
async function isMember(forge: ForgeSetup, org: string, login: string): Promise<boolean> {
  try {
    return await forge.isOrgMember(org, login);
  } catch (error) {
    if (error instanceof ForgeDeniedError || error instanceof ForgeNotFoundError) {
      return false;
    }
    throw error;
  }
}
