import { agentLabelPrefix } from '../domain/targeting.ts';
import { ForgeNotFoundError } from '../domain/errors.ts';
import type { RepositoryName, RepositoryWithRights } from '../forges/forge-setup.ts';
import { agentLabel } from '../setup/steps/labels.ts';
import { fail, pass, warn, type Check, type Finding } from './check.ts';
import type { ForgeAccess, ForgeChecks } from './forge.ts';

export interface RepositoryParts {
  readonly access: ForgeAccess;
  /** Those that agents are to work on, as far as anybody has said. */
  readonly repositories: () => Promise<readonly RepositoryName[]>;
  readonly agents: () => Promise<readonly string[]>;
}

const nameOne =
  'Name them to look at them too: `orchestrator doctor acme/rocket`. The orchestrator remembers those whose webhooks have arrived.';

/** The rights on repositories, and their labels. */
export function repositoryChecks(
  parts: RepositoryParts,
  { tokens }: ForgeChecks,
): readonly Check[] {
  const repositories: Check = {
    name: 'repositories',
    needs: tokens,
    run: () => examineAll(parts),
  };
  const labels: Check = {
    name: 'trigger labels',
    needs: [repositories],
    run: () => examineAllLabels(parts),
  };
  return [repositories, labels];
}

async function examineAll({ access, repositories }: RepositoryParts): Promise<Finding[]> {
  const names = await repositories();
  if (names.length === 0) return [warn('none is known yet', nameOne)];
  const { login } = await access.own.readAccount();
  const found = await Promise.all(names.map((name) => examine(access, name, login)));
  return found.flat();
}

async function examine(
  { own, person }: ForgeAccess,
  { owner, name }: RepositoryName,
  login: string,
): Promise<Finding[]> {
  const title = `${owner}/${name}`;
  const invite = {
    fix: `Who administrates it adds ${login} with Write: ${title} › Settings › Collaborators.`,
    mend: person && (() => person.grantRight({ owner, name }, login, 'write')),
  };
  let repository: RepositoryWithRights;
  try {
    repository = await own.readRepository(owner, name);
  } catch (error) {
    if (!(error instanceof ForgeNotFoundError)) throw error;
    return [
      fail(
        `${title} is not there, or hidden from ${login}`,
        `Check the name. ${invite.fix}`,
        invite.mend,
      ),
    ];
  }
  const { right, archived, empty, hasIssues, hasPullRequests } = repository;
  const problems: Finding[] = [];
  if (right !== 'write' && right !== 'admin') {
    problems.push(fail(`${login} may not write to ${title}`, invite.fix, invite.mend));
  }
  if (archived) {
    problems.push(
      fail(`${title} is archived: nothing can be pushed to it`, 'Unarchive it under Settings.'),
    );
  }
  if (empty) {
    problems.push(fail(`${title} is empty`, 'Push a first commit, for agents to start from.'));
  }
  if (!hasIssues) {
    problems.push(fail(`${title} has no issues`, 'Switch them on: Settings › Issues.'));
  }
  if (!hasPullRequests) {
    problems.push(fail(`${title} has no pull requests`, 'Switch them on: Settings › Repository.'));
  }
  return problems.length > 0 ? problems : [pass(`${login} may write to ${title}`)];
}

/** A missing one is made by whoever first needs it; with a description when it is made here. */
async function examineAllLabels({
  access: { own },
  repositories,
  agents,
}: RepositoryParts): Promise<Finding[]> {
  const [names, known, { login }] = await Promise.all([
    repositories(),
    agents(),
    own.readAccount(),
  ]);
  if (names.length === 0 || known.length === 0) {
    return [
      pass(`nobody needs one yet: there is no ${names.length === 0 ? 'repository' : 'agent'}`),
    ];
  }
  return await Promise.all(
    names.map(async ({ owner, name }): Promise<Finding> => {
      const title = `${owner}/${name}`;
      const place = { kind: 'repository', owner, name } as const;
      const { ownerIsOrg } = await own.readRepository(owner, name);
      const labels = await Promise.all([
        own.listLabels(place),
        ownerIsOrg ? own.listLabels({ kind: 'org', org: owner }) : [],
      ]);
      const present = new Set(labels.flat().map((label) => label.name));
      const missing = known.filter((agent) => !present.has(`${agentLabelPrefix}${agent}`));
      if (missing.length === 0) return pass(`${title} has one for each agent`);
      const list = missing.map((agent) => `${agentLabelPrefix}${agent}`).join(', ');
      return warn(
        `${title} has no ${list}: nobody can give an issue to ${missing.length === 1 ? 'that agent' : 'those agents'}`,
        `Make it: ${title} › Issues › Labels › New Label.`,
        async () => {
          for (const agent of missing) await own.createLabel(place, agentLabel(agent, login));
        },
      );
    }),
  );
}
