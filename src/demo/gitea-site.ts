import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import { z } from 'zod';
import { callGitea, GiteaRefusal, type GiteaClient, type GiteaPassword } from './gitea-client.ts';

/** `write:issue` does not read pull requests, and membership of an organisation is a scope of its own. */
const BOT_SCOPES = ['write:issue', 'write:repository', 'read:organization', 'read:user'];

/** `issues` and `pull_request` include their subtypes: labels, assignees, pushes, review requests. */
const WEBHOOK_EVENTS = [
  'issues',
  'issue_comment',
  'pull_request',
  'pull_request_comment',
  'pull_request_review',
];

/** An account that can act: over the API with its token, in git as `name` with the token as password. */
export interface GiteaAccount extends GiteaClient {
  readonly name: string;
  /** With which a person signs in on the web pages. */
  readonly password: string;
}

export interface GiteaRepository {
  readonly id: number;
  readonly owner: string;
  readonly name: string;
  /** Without credentials. */
  readonly cloneUrl: string;
}

export interface GiteaWebhook {
  readonly url: string;
  readonly secret: string;
}

export interface GiteaSite {
  /** The orchestrator's account; member of the organisation `bot-bottle`, writer of the repository. */
  readonly bot: GiteaAccount;
  /** A person; owner of the organisation that holds the repository. */
  readonly person: GiteaAccount;
  readonly repository: GiteaRepository;
  /** Of the label `bot-bottle:<agent>`. */
  readonly labelId: number;
}

/**
 * Makes what the demo's story needs in an empty Gitea: organisation `bot-bottle` with the account `bot`, `alice` with the
 * organisation `acme` and the repository `acme/widgets`, the agent's label, a template for its issues, and the webhook.
 */
export async function provisionSite(
  admin: GiteaClient,
  options: { readonly agent: string; readonly webhook: GiteaWebhook },
): Promise<GiteaSite> {
  const bot = await createAccount(admin, 'bot', BOT_SCOPES);
  const person = await createAccount(admin, 'alice');
  await createOrganisation(admin, 'bot-bottle');
  await addMember(admin, 'bot-bottle', bot.name);
  await createOrganisation(person, 'acme');
  const repository = await createRepository(person, 'acme', 'widgets');
  await addWriter(person, repository, bot.name);
  const label = `bot-bottle:${options.agent}`;
  const labelId = await createLabel(person, repository, label);
  await createIssueTemplate(person, repository, { label, assignee: bot.name });
  await createWebhook(person, repository, options.webhook);
  return { bot, person, repository, labelId };
}

/**
 * Makes an account and a token of it, limited to `scopes` or with every scope. Called again, the account gets a new
 * password and a further token; earlier tokens stay valid.
 */
export async function createAccount(
  admin: GiteaClient,
  name: string,
  scopes: readonly string[] = ['all'],
): Promise<GiteaAccount> {
  const password = randomBytes(8).toString('hex');
  const settings = { password, must_change_password: false };
  try {
    await callGitea(admin, 'POST', '/admin/users', {
      username: name,
      email: `${name}@localhost.invalid`,
      ...settings,
    });
  } catch (error) {
    if (!(error instanceof GiteaRefusal && error.status === 422)) {
      throw error;
    }
    await callGitea(admin, 'PATCH', `/admin/users/${name}`, {
      login_name: name,
      source_id: 0,
      ...settings,
    });
  }
  return {
    url: admin.url,
    name,
    password,
    token: await createToken({ url: admin.url, name, password }, scopes),
  };
}

/** Makes a token of the account, under a name that no other has. */
export async function createToken(
  account: GiteaPassword,
  scopes: readonly string[],
): Promise<string> {
  const name = `token-${randomBytes(4).toString('hex')}`;
  const made = await callGitea(account, 'POST', `/users/${account.name}/tokens`, { name, scopes });
  return z.object({ sha1: z.string() }).parse(made).sha1;
}

/** Makes a public organisation that the client's account owns; one that exists is left as it is. */
export async function createOrganisation(owner: GiteaClient, name: string): Promise<void> {
  if (!(await exists(owner, `/orgs/${name}`))) {
    await callGitea(owner, 'POST', '/orgs', { username: name, visibility: 'public' });
  }
}

/** Makes an account a plain member of an organisation, through its team `members`. Idempotent. */
export async function addMember(
  owner: GiteaClient,
  organisation: string,
  account: string,
): Promise<void> {
  const teams = z
    .array(z.object({ id: z.number(), name: z.string() }))
    .parse(await callGitea(owner, 'GET', `/orgs/${organisation}/teams?limit=50`));
  const team =
    teams.find(({ name }) => name === 'members') ??
    (await createTeam(owner, organisation, 'members'));
  await callGitea(owner, 'PUT', `/teams/${String(team.id)}/members/${account}`);
}

async function createTeam(
  owner: GiteaClient,
  organisation: string,
  name: string,
): Promise<{ id: number }> {
  const team = { name, permission: 'read', units: ['repo.code', 'repo.issues', 'repo.pulls'] };
  const made = await callGitea(owner, 'POST', `/orgs/${organisation}/teams`, team);
  return z.object({ id: z.number() }).parse(made);
}

/** Makes a public repository with a README on `main`; one that exists is returned as it is. */
export async function createRepository(
  owner: GiteaClient,
  organisation: string,
  name: string,
): Promise<GiteaRepository> {
  const path = `/repos/${organisation}/${name}`;
  const settings = { name, auto_init: true, default_branch: 'main', readme: 'Default' };
  const repository = (await exists(owner, path))
    ? await callGitea(owner, 'GET', path)
    : await callGitea(owner, 'POST', `/orgs/${organisation}/repos`, settings);
  const { id, clone_url: cloneUrl } = z
    .object({ id: z.number(), clone_url: z.string() })
    .parse(repository);
  return { id, owner: organisation, name, cloneUrl };
}

/** Lets an account push to the repository and edit its issues. Idempotent. */
export async function addWriter(
  owner: GiteaClient,
  repository: GiteaRepository,
  account: string,
): Promise<void> {
  await callGitea(owner, 'PUT', `${pathOf(repository)}/collaborators/${account}`, {
    permission: 'write',
  });
}

/** The id of the label of this name, made when absent. */
export async function createLabel(
  owner: GiteaClient,
  repository: GiteaRepository,
  name: string,
): Promise<number> {
  const path = `${pathOf(repository)}/labels`;
  const label = z.object({ id: z.number(), name: z.string() });
  const labels = z.array(label).parse(await callGitea(owner, 'GET', `${path}?limit=50`));
  const present = labels.find((candidate) => candidate.name === name);
  const made =
    present ?? label.parse(await callGitea(owner, 'POST', path, { name, color: '#2d7d9a' }));
  return made.id;
}

/** Fills in label and assignee of a new issue, for pages that have no scripts to choose them with. */
async function createIssueTemplate(
  owner: GiteaClient,
  repository: GiteaRepository,
  { label, assignee }: { readonly label: string; readonly assignee: string },
): Promise<void> {
  const front = { name: 'A task', about: 'for an agent', labels: [label], assignees: [assignee] };
  await callGitea(owner, 'POST', `${pathOf(repository)}/contents/.gitea/issue_template.md`, {
    message: 'A template for tasks',
    content: Buffer.from(`---\n${stringify(front)}---\n`).toString('base64'),
  });
}

/**
 * Makes a webhook with every event that the orchestrator knows and returns its id; one with the same URL is replaced, as
 * Gitea changes no secret. Throws when Gitea did not take over one of the events: unknown names it accepts without a word.
 */
export async function createWebhook(
  owner: GiteaClient,
  repository: GiteaRepository,
  webhook: GiteaWebhook,
): Promise<number> {
  const path = `${pathOf(repository)}/hooks`;
  const present = z.array(hookAnswer).parse(await callGitea(owner, 'GET', `${path}?limit=50`));
  for (const hook of present.filter(({ config }) => config.url === webhook.url)) {
    await callGitea(owner, 'DELETE', `${path}/${String(hook.id)}`);
  }
  const config = { url: webhook.url, secret: webhook.secret, content_type: 'json' };
  const settings = { type: 'gitea', config, events: WEBHOOK_EVENTS, active: true };
  const { id } = hookAnswer.parse(await callGitea(owner, 'POST', path, settings));
  const { events } = hookAnswer.parse(await callGitea(owner, 'GET', `${path}/${String(id)}`));
  const missing = WEBHOOK_EVENTS.filter((event) => !events.includes(event));
  if (missing.length > 0) {
    throw new Error(`Gitea made webhook ${String(id)} without the events ${missing.join(', ')}`);
  }
  return id;
}

const hookAnswer = z.object({
  id: z.number(),
  events: z.array(z.string()),
  config: z.object({ url: z.string() }),
});

async function exists(client: GiteaClient, path: string): Promise<boolean> {
  try {
    await callGitea(client, 'GET', path);
    return true;
  } catch (error) {
    if (error instanceof GiteaRefusal && error.status === 404) {
      return false;
    }
    throw error;
  }
}

function pathOf(repository: GiteaRepository): string {
  return `/repos/${repository.owner}/${repository.name}`;
}
