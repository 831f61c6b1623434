import { ForgeNotFoundError } from '../../domain/errors.ts';
import type {
  ForgeSetup,
  RepositoryName,
  RepositoryRight,
  RepositoryWithRights,
} from '../../forges/forge-setup.ts';
import { SetupStoppedError, type Progress } from '../progress.ts';
import type { Accounts } from './account.ts';

/** The right of the orchestrator's account, and what else an agent needs of a repository. */
export async function prepareRepository(
  name: RepositoryName,
  { own, person, login }: Accounts,
  progress: Progress,
): Promise<RepositoryWithRights> {
  const title = `${name.owner}/${name.name}`;
  const repository = await find(person, name);
  const right = await rightOf(own, name);
  if (right === 'write' || right === 'admin') {
    progress.tellRight(`${login} may write to ${title}`);
  } else {
    await progress.change({
      proposal: `Let ${login} write to ${title}, as a collaborator`,
      done: `let ${login} write to ${title}`,
      byHand: `Who administrates it does so: ${title} › Settings › Collaborators, ${login} with Write.`,
      make: () => person.grantRight(name, login, 'write'),
    });
  }
  for (const problem of problemsOf(repository)) {
    progress.tellLeft(`${title} ${problem}`);
  }
  if (!repository.empty) {
    await tellProtection(repository, own, progress);
  }
  return repository;
}

async function find(forge: ForgeSetup, { owner, name }: RepositoryName) {
  try {
    return await forge.readRepository(owner, name);
  } catch (error) {
    if (error instanceof ForgeNotFoundError) {
      throw new SetupStoppedError(
        `There is no repository ${owner}/${name} on ${forge.host}, or it is hidden from you. Check the name, and give a token of somebody who administrates it.`,
      );
    }
    throw error;
  }
}

/** `none` where it is hidden. */
async function rightOf(own: ForgeSetup, { owner, name }: RepositoryName): Promise<RepositoryRight> {
  try {
    return (await own.readRepository(owner, name)).right;
  } catch (error) {
    if (error instanceof ForgeNotFoundError) {
      return 'none';
    }
    throw error;
  }
}

function* problemsOf(repository: RepositoryWithRights): Generator<string> {
  if (repository.archived) yield 'is archived: nothing can be pushed to it.';
  if (repository.empty) yield 'is empty: push a first commit, for agents to start from.';
  if (!repository.hasIssues) yield 'has no issues: switch them on under Settings › Issues.';
  if (!repository.hasPullRequests) {
    yield 'has no pull requests: switch them on under Settings › Repository.';
  }
}

async function tellProtection(
  { ref, defaultBranch }: RepositoryWithRights,
  own: ForgeSetup,
  progress: Progress,
): Promise<void> {
  const branch = await own.readBranchProtection(ref, defaultBranch).catch((error: unknown) => {
    if (error instanceof ForgeNotFoundError) return undefined;
    throw error;
  });
  if (branch?.protected === true && !branch.mayPush) {
    progress.tellRight(
      `${defaultBranch} of ${ref.owner}/${ref.name} is protected: agents push branches of their own, and people merge`,
    );
  }
}
