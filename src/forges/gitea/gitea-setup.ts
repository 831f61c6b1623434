import { randomBytes } from 'node:crypto';
import { type ForgeError, ForgeNotFoundError, ForgeRefusedError } from '../../domain/errors.ts';
import type {
  Account,
  BranchProtection,
  ForgeSetup,
  Hook,
  Label,
  Place,
  ProbedScope,
  RepositoryName,
  RepositoryRight,
  RepositoryWithRights,
} from '../forge-setup.ts';
import type { LabelDraft } from '../forge.ts';
import { apiPath } from './api-path.ts';
import { createGiteaClient, type GiteaClient } from './client.ts';
import { toRepository } from './convert.ts';
import type { GiteaForgeSettings } from './gitea-forge.ts';
import { isOrgMember } from './org-member.ts';
import { organizationSchema, permissionSchema, repositorySchema, userSchema } from './schema.ts';
import { neededScopes, probeScope } from './scopes.ts';
import * as schema from './setup-schema.ts';

/** @throws ConfigError when the URL or the token cannot be used */
export function createGiteaSetup(settings: GiteaForgeSettings): ForgeSetup {
  return new GiteaSetup(settings);
}

/**
 * What the orchestrator has to know of, as Gitea lists the events of a webhook. Asked for by the name of the whole, `issues`
 * and `pull_request` stand for all of their subtypes.
 */
const wantedEvents = [
  'issues',
  'issue_assign',
  'issue_label',
  'issue_comment',
  'pull_request',
  'pull_request_comment',
  'pull_request_review',
];

class GiteaSetup implements ForgeSetup {
  readonly host: string;
  readonly #client: GiteaClient;
  readonly #settings: GiteaForgeSettings;

  constructor(settings: GiteaForgeSettings) {
    this.#client = createGiteaClient(settings);
    this.#settings = settings;
    this.host = settings.host ?? this.#client.host;
  }

  async readSite(): Promise<{ version: string; clock: Date | undefined }> {
    const { value, date } = await this.#client.getDated('/version', schema.versionSchema);
    return { version: value.version, clock: date };
  }

  async readAccount(): Promise<Account> {
    const account = await this.#client.get('/user', schema.accountSchema);
    const lastSignIn = new Date(account.last_login);
    return {
      login: account.login,
      isAdministrator: account.is_admin,
      lastSignIn: lastSignIn.getTime() > 0 ? lastSignIn : undefined,
    };
  }

  async probeScopes(): Promise<readonly ProbedScope[]> {
    return Promise.all(neededScopes.map((scope) => probeScope(this.#client, scope)));
  }

  async createAccount(login: string): Promise<{ token: string }> {
    const password = randomBytes(24).toString('base64url');
    await this.#client.post(
      '/admin/users',
      {
        username: login,
        email: `${login}@localhost.invalid`,
        password,
        must_change_password: false,
      },
      userSchema,
    );
    const account = createGiteaClient({ ...this.#settings, token: { login, password } });
    const scopes = neededScopes.map(({ scope }) => scope);
    try {
      const { sha1: token } = await account.post(
        apiPath`/users/${login}/tokens`,
        { name: 'orchestrator', scopes },
        schema.tokenSchema,
      );
      return { token };
    } catch (error) {
      const { status, message } = error as ForgeError;
      throw new ForgeRefusedError(
        `the account ${login} was made, but no token of it (${message}): as an administrator set its password, sign in as ${login}, and make a token with ${scopes.join(', ')}`,
        { cause: error, ...(status !== undefined && { status }) },
      );
    }
  }

  async accountExists(login: string): Promise<boolean> {
    return isThere(this.#client.get(apiPath`/users/${login}`, userSchema));
  }

  async orgExists(org: string): Promise<boolean> {
    return isThere(this.#client.get(apiPath`/orgs/${org}`, organizationSchema));
  }

  async createOrg(org: string): Promise<void> {
    await this.#client.post('/orgs', { username: org, visibility: 'private' }, organizationSchema);
  }

  async isOrgMember(org: string, login: string): Promise<boolean> {
    return isOrgMember(this.#client, org, login);
  }

  async addOrgMember(org: string, login: string): Promise<void> {
    const team = (await this.#findTeam(org, 'members')) ?? (await this.#createTeam(org, 'members'));
    await this.#client.command('PUT', apiPath`/teams/${team}/members/${login}`);
  }

  async listOrgRepositories(org: string): Promise<readonly RepositoryName[]> {
    const repositories: RepositoryName[] = [];
    const path = apiPath`/orgs/${org}/repos`;
    for await (const { owner, name } of this.#client.list(path, schema.namedRepositoriesSchema)) {
      repositories.push({ owner: owner.login, name });
    }
    return repositories.toSorted((one, other) => one.name.localeCompare(other.name));
  }

  async readRepository(owner: string, name: string): Promise<RepositoryWithRights> {
    const repository = await this.#client.get(
      apiPath`/repos/${owner}/${name}`,
      schema.repositoryWithRightsSchema,
    );
    return {
      ...toRepository(repository, this.host),
      right: rightOf(repository),
      empty: repository.empty,
      hasIssues: repository.has_issues,
      hasPullRequests: repository.has_pull_requests,
      ownerIsOrg: await this.orgExists(repository.owner.login),
    };
  }

  async readRight(repository: RepositoryName, login: string): Promise<RepositoryRight> {
    const path = pathOf(repository);
    try {
      const { permission } = await this.#client.get(
        `${path}${apiPath`/collaborators/${login}/permission`}`,
        permissionSchema,
      );
      return permission === 'owner' ? 'admin' : (permission as RepositoryRight);
    } catch (error) {
      if (error instanceof ForgeNotFoundError) {
        // An unknown login, if the repository is there
        await this.#client.get(path, repositorySchema);
        return 'none';
      }
      throw error;
    }
  }

  async grantRight(
    repository: RepositoryName,
    login: string,
    right: 'write' | 'admin',
  ): Promise<void> {
    const path = `${pathOf(repository)}${apiPath`/collaborators/${login}`}`;
    await this.#client.command('PUT', path, { permission: right });
  }

  async readBranchProtection(
    repository: RepositoryName,
    branch: string,
  ): Promise<BranchProtection> {
    const path = `${pathOf(repository)}${apiPath`/branches/${branch}`}`;
    const found = await this.#client.get(path, schema.branchSchema);
    return {
      protected: found.protected,
      mayPush: found.user_can_push,
      mayMerge: found.user_can_merge,
    };
  }

  async listLabels(place: Place): Promise<readonly Label[]> {
    const labels: Label[] = [];
    for await (const label of this.#client.list(
      `${placePath(place)}/labels`,
      schema.labelsSchema,
    )) {
      labels.push(toLabel(label));
    }
    return labels;
  }

  async createLabel(place: Place, label: LabelDraft): Promise<void> {
    await this.#client.command('POST', `${placePath(place)}/labels`, fromLabel(label));
  }

  async updateLabel(place: Place, id: number, change: Partial<LabelDraft>): Promise<void> {
    await this.#client.command(
      'PATCH',
      `${placePath(place)}${apiPath`/labels/${id}`}`,
      fromLabel(change),
    );
  }

  async listHooks(place: Place): Promise<readonly Hook[]> {
    const hooks: Hook[] = [];
    for await (const hook of this.#client.list(`${placePath(place)}/hooks`, schema.hooksSchema)) {
      hooks.push(this.#toHook(place, hook));
    }
    return hooks;
  }

  async createHook(place: Place, { url, secret }: { url: string; secret: string }): Promise<Hook> {
    const config = { url, secret, content_type: 'json' };
    const settings = { type: 'gitea', config, events: wantedEvents, active: true };
    const { id } = await this.#client.post(
      `${placePath(place)}/hooks`,
      settings,
      schema.hookSchema,
    );
    // Read again: names of events that it does not know Gitea takes without a word.
    return this.#toHook(place, await this.#readHook(hookPath(place, id)));
  }

  async updateHook(place: Place, id: number, { url }: { url: string }): Promise<Hook> {
    const path = hookPath(place, id);
    const before = await this.#readHook(path);
    await this.#writeHook(path, {
      ...before,
      active: true,
      // Without the pushes that a test asked for which was killed.
      events: wantedEvents,
      config: { url, content_type: 'json' },
    });
    return this.#toHook(place, await this.#readHook(path));
  }

  async deleteHook(place: Place, id: number): Promise<void> {
    await isThere(this.#client.command('DELETE', hookPath(place, id)));
  }

  async testHook(place: Place, id: number, url: string): Promise<AsyncDisposable | undefined> {
    const path = hookPath(place, id);
    const deliver = await this.#findDelivery(place, path);
    if (deliver === undefined) {
      return undefined;
    }
    const before = await this.#readHook(path);
    const restore = () => this.#writeHook(path, before);
    await this.#writeHook(path, {
      ...before,
      active: true,
      // What Gitea sends as a test. A hook that does not ask for pushes gets none, and nobody is told.
      events: [...new Set([...before.events, ...wantedEvents, 'push'])],
      // Gitea looks it up when it delivers, so it has to stay until then.
      config: { ...before.config, url },
    });
    try {
      await deliver();
    } catch (error) {
      await restore();
      throw error;
    }
    return { [Symbol.asyncDispose]: restore };
  }

  /** What makes Gitea deliver to the hook. Only a repository's hook has a test of its own, and that sends the last commit. */
  async #findDelivery(place: Place, hook: string): Promise<(() => Promise<void>) | undefined> {
    if (place.kind === 'repository') {
      const { empty } = await this.#client.get(pathOf(place), schema.repositoryWithRightsSchema);
      return empty
        ? this.#findIssueDelivery([place])
        : () => this.#client.command('POST', `${hook}/tests`);
    }
    return this.#findIssueDelivery(await this.listOrgRepositories(place.org));
  }

  async #findIssueDelivery(
    repositories: readonly RepositoryName[],
  ): Promise<(() => Promise<void>) | undefined> {
    for (const repository of repositories) {
      const path = `${pathOf(repository)}/issues`;
      const issues = await this.#client
        .get(`${path}?state=all&limit=1`, schema.numberedSchema)
        .catch(noneWithoutIssues);
      const [issue] = issues;
      if (issue !== undefined) {
        // No label is added, and Gitea tells its webhooks all the same.
        const labels = `${path}${apiPath`/${issue.number}/labels`}`;
        return () => this.#client.command('POST', labels, { labels: [] });
      }
    }
    return undefined;
  }

  async #findTeam(org: string, name: string): Promise<number | undefined> {
    const path = apiPath`/orgs/${org}/teams`;
    for await (const team of this.#client.list(path, schema.namedTeamsSchema)) {
      if (team.name.toLowerCase() === name) {
        return team.id;
      }
    }
    return undefined;
  }

  async #createTeam(org: string, name: string): Promise<number> {
    const team = {
      name,
      permission: 'read',
      units: ['repo.code', 'repo.issues', 'repo.pulls'],
      includes_all_repositories: false,
    };
    return (await this.#client.post(apiPath`/orgs/${org}/teams`, team, schema.teamSchema)).id;
  }

  #toHook(place: Place, { id, active, type, config, events }: schema.GiteaHook): Hook {
    const site = this.#settings.apiUrl.replace(/\/api\/v1\/*$/, '');
    const home =
      place.kind === 'org' ? apiPath`/org/${place.org}` : apiPath`/${place.owner}/${place.name}`;
    return {
      id,
      url: config.url,
      active,
      usable: type === 'gitea' && config.content_type === 'json',
      page: `${site}${home}/settings/hooks/${id}`,
      missingEvents: wantedEvents.filter((event) => !events.includes(event)),
    };
  }

  async #readHook(path: string): Promise<schema.GiteaHook> {
    return this.#client.get(path, schema.hookSchema);
  }

  /** All that can be written: what is left out, Gitea sets to nothing. The secret is kept. */
  async #writeHook(path: string, hook: schema.GiteaHook): Promise<void> {
    const { config, events, active, branch_filter, authorization_header } = hook;
    await this.#client.command('PATCH', path, {
      config: { url: config.url, content_type: config.content_type },
      events,
      active,
      branch_filter: branch_filter ?? '',
      authorization_header: authorization_header ?? '',
    });
  }
}

function pathOf({ owner, name }: RepositoryName): string {
  return apiPath`/repos/${owner}/${name}`;
}

function placePath(place: Place): string {
  return place.kind === 'org' ? apiPath`/orgs/${place.org}` : pathOf(place);
}

function hookPath(place: Place, id: number): string {
  return `${placePath(place)}${apiPath`/hooks/${id}`}`;
}

/** Issues are switched off there. */
function noneWithoutIssues(error: unknown): { number: number }[] {
  if (error instanceof ForgeNotFoundError) {
    return [];
  }
  throw error;
}

async function isThere(request: Promise<unknown>): Promise<boolean> {
  try {
    await request;
    return true;
  } catch (error) {
    if (error instanceof ForgeNotFoundError) {
      return false;
    }
    throw error;
  }
}

function rightOf({ permissions }: schema.GiteaRepositoryWithRights): RepositoryRight {
  if (permissions?.admin) return 'admin';
  if (permissions?.push) return 'write';
  return permissions?.pull ? 'read' : 'none';
}

function toLabel({ id, name, color, description, exclusive }: schema.GiteaLabel): Label {
  return {
    id,
    name,
    colour: color.replace(/^#?/, '#'),
    description: description ?? '',
    exclusive: exclusive ?? false,
  };
}

function fromLabel({ colour, ...label }: Partial<LabelDraft>): object {
  return { ...label, ...(colour !== undefined && { color: colour }) };
}
