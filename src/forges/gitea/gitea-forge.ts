import {
  ForgeDeniedError,
  ForgeMovedError,
  ForgeNotFoundError,
  ForgeRefusedError,
  ForgeUnavailableError,
} from '../../domain/errors.ts';
import type { Comment, Issue, PullRequest, Repository, RepositoryRef } from '../../domain/issue.ts';
import type {
  CommitStatus,
  DirectoryEntry,
  Forge,
  ForgeItem,
  LabelDraft,
  Reaction,
  StateChange,
} from '../forge.ts';
import { apiPath } from './api-path.ts';
import { isOrgMember } from './org-member.ts';
import { createGiteaClient, type GiteaClient, type GiteaClientSettings } from './client.ts';
import {
  loginOf,
  toComment,
  toDirectoryEntry,
  toInlineComment,
  toIssue,
  toItem,
  toPullRequest,
  toRepository,
  toReviewComment,
  toStateChange,
  toVerdict,
} from './convert.ts';
import * as schema from './schema.ts';

export interface GiteaForgeSettings extends GiteaClientSettings {
  /**
   * What `RepositoryRef.forgeHost` says. Default: the host of `apiUrl`. Give it when the API is reached under another
   * name than people use, because a webhook's payload has the public one.
   */
  readonly host?: string;
}

/** @throws ConfigError when the URL or the token cannot be used */
export function createGiteaForge(settings: GiteaForgeSettings): Forge {
  const client = createGiteaClient(settings);
  return new GiteaForge(client, settings.host ?? client.host);
}

/** As much as Gitea gives with its own settings is ten times that. */
const maxFileBytes = 1024 * 1024;

const writes: ReadonlySet<string> = new Set(['write', 'admin', 'owner']);

class GiteaForge implements Forge {
  readonly host: string;
  readonly #client: GiteaClient;
  /** By repository and name: ids that are being looked for. Gitea would make a second label of the same name. */
  readonly #labelIds = new Map<string, Promise<number>>();

  constructor(client: GiteaClient, host: string) {
    this.#client = client;
    this.host = host;
  }

  get requests(): number {
    return this.#client.requests;
  }

  async readIssue(repository: RepositoryRef, number: number): Promise<Issue> {
    const issue = await this.#readItem(repository, number);
    if (issue.pull_request) {
      throw new ForgeNotFoundError(`#${number} is a pull request, not an issue`);
    }
    return toIssue(issue);
  }

  async readPullRequest(repository: RepositoryRef, number: number): Promise<PullRequest> {
    const path = `${pathOf(repository)}${apiPath`/pulls/${number}`}`;
    const pull = await this.#client.get(path, schema.pullRequestSchema);
    mustBe(repository, pull.base.repo_id);
    return toPullRequest(pull);
  }

  async listComments(repository: RepositoryRef, number: number): Promise<readonly Comment[]> {
    // Read first because Gitea answers 500, not 404, to a question for the comments of an issue that is not there
    const item = await this.#readItem(repository, number);
    const path = `${pathOf(repository)}${apiPath`/issues/${number}/comments`}`;
    const conversation = await this.#client.get(path, schema.commentsSchema);
    const comments = conversation.map(toComment);
    if (item.pull_request) {
      for await (const comment of this.#reviewComments(repository, number)) {
        comments.push(comment);
      }
    }
    return comments.toSorted(byAge);
  }

  async findLabeller(
    repository: RepositoryRef,
    number: number,
    label: string,
  ): Promise<string | undefined> {
    const path = `${pathOf(repository)}${apiPath`/issues/${number}/timeline`}`;
    let labeller: string | undefined;
    for await (const entry of this.#client.list(path, schema.timelineSchema)) {
      if (entry.type === 'label' && entry.label?.name === label) {
        labeller = entry.body === '1' ? entry.user?.login : undefined;
      }
    }
    return labeller;
  }

  async findOpenPullRequest(
    repository: RepositoryRef,
    branch: string,
  ): Promise<PullRequest | undefined> {
    return this.#findPullRequest(repository, branch, 'open');
  }

  async findLatestPullRequest(
    repository: RepositoryRef,
    branch: string,
  ): Promise<PullRequest | undefined> {
    return this.#findPullRequest(repository, branch, 'all');
  }

  async listDirectory(repository: RepositoryRef, path: string): Promise<readonly DirectoryEntry[]> {
    const [entries] = await Promise.all([
      this.#client.get(contentsPath(repository, path), schema.directorySchema).catch(noneIfAbsent),
      this.#mustStillBe(repository),
    ]);
    return entries.map(toDirectoryEntry);
  }

  async readFile(repository: RepositoryRef, path: string): Promise<Uint8Array> {
    const [file] = await Promise.all([
      this.#client.get(contentsPath(repository, path), schema.fileSchema),
      this.#mustStillBe(repository),
    ]);
    if (file?.type !== 'file') {
      throw new ForgeNotFoundError(`${path} is not a file`);
    }
    if (file.size > maxFileBytes || file.encoding !== 'base64') {
      throw new ForgeRefusedError(`${path} is larger than ${maxFileBytes} bytes`);
    }
    return Buffer.from(file.content ?? '', 'base64');
  }

  async listWritableRepositories(): Promise<readonly RepositoryRef[]> {
    const found: RepositoryRef[] = [];
    for await (const repository of this.#client.list(
      '/user/repos',
      schema.accessibleRepositoriesSchema,
    )) {
      if (repository.permissions.push && !repository.archived) {
        found.push(toRepository(repository, new URL(repository.html_url).host).ref);
      }
    }
    return found;
  }

  async listOpenItems(repository: RepositoryRef): Promise<readonly ForgeItem[]> {
    const items = await this.#items(`${pathOf(repository)}/issues`, { state: 'open' });
    for (const item of items) {
      mustBe(repository, item.repository.id);
    }
    return items;
  }

  async listChangedItems(owner: string, since: number): Promise<readonly ForgeItem[]> {
    try {
      return await this.#items('/repos/issues/search', {
        owner,
        state: 'all',
        since: new Date(since).toISOString(),
      });
    } catch (error) {
      if (error instanceof ForgeRefusedError && error.status === 400) {
        throw new ForgeNotFoundError(`nobody is named ${owner}`, { status: 400, cause: error });
      }
      throw error;
    }
  }

  async listStateChanges(
    repository: RepositoryRef,
    number: number,
    since?: number,
  ): Promise<readonly StateChange[]> {
    const path = `${pathOf(repository)}${apiPath`/issues/${number}/timeline`}`;
    const query = since === undefined ? {} : { since: new Date(since).toISOString() };
    const changes: StateChange[] = [];
    for await (const { type, user, created_at: at } of this.#client.list(
      path,
      schema.timelineSchema,
      query,
    )) {
      const change = toStateChange(type);
      if (change !== undefined) {
        changes.push({ change, by: loginOf(user), at });
      }
    }
    return changes;
  }

  async createComment(repository: RepositoryRef, number: number, body: string): Promise<Comment> {
    const path = `${pathOf(repository)}${apiPath`/issues/${number}/comments`}`;
    try {
      return toComment(await this.#client.post(path, { body }, schema.commentSchema));
    } catch (error) {
      if (error instanceof ForgeUnavailableError && error.status === 500) {
        // Gitea's answer also for an issue that is not there: then this read says so, and nobody tries for ever
        await this.#readItem(repository, number);
      }
      throw error;
    }
  }

  async addReaction(
    repository: RepositoryRef,
    commentId: number,
    reaction: Reaction,
  ): Promise<void> {
    const path = `${pathOf(repository)}${apiPath`/issues/comments/${commentId}/reactions`}`;
    await this.#client.post(path, { content: reaction }, schema.reactionSchema);
  }

  async setCommitStatus(
    repository: RepositoryRef,
    commit: string,
    { context, state, description, url }: CommitStatus,
  ): Promise<void> {
    const path = pathOf(repository);
    const { statuses } = await this.#client.get(
      `${path}${apiPath`/commits/${commit}/status`}?limit=50`,
      schema.combinedStatusSchema,
    );
    const said = statuses?.find((status) => status.context === context);
    if (
      said?.status === state &&
      said.description === description &&
      said.target_url === (url ?? '')
    ) {
      return;
    }
    await this.#client.post(
      `${path}${apiPath`/statuses/${commit}`}`,
      { context, state, description, target_url: url ?? '' },
      schema.commitStatusSchema,
    );
  }

  async replaceLabel(
    repository: RepositoryRef,
    number: number,
    prefix: string,
    label: LabelDraft | undefined,
  ): Promise<void> {
    const path = `${pathOf(repository)}${apiPath`/issues/${number}/labels`}`;
    const present = await this.#client.get(path, schema.labelsSchema);
    if (label !== undefined && !present.some(({ name }) => name === label.name)) {
      const id = await this.#labelId(repository, label);
      await this.#client.post(path, { labels: [id] }, schema.labelsSchema);
    }
    for (const { id, name } of present) {
      if (name.startsWith(prefix) && name !== label?.name) {
        // One that is exclusive has taken it away already.
        await this.#client.command('DELETE', `${path}${apiPath`/${id}`}`).catch(noneIfAbsent);
      }
    }
  }

  async updateDescription(repository: RepositoryRef, number: number, body: string): Promise<void> {
    const path = `${pathOf(repository)}${apiPath`/issues/${number}`}`;
    await this.#client.patch(path, { body }, schema.issueSchema);
  }

  async createPullRequest(
    repository: RepositoryRef,
    draft: { title: string; body: string; head: string; base: string },
  ): Promise<PullRequest> {
    const { title, body, head, base } = draft;
    const path = pathOf(repository);
    const compared = await this.#client.get(
      `${path}${apiPath`/compare/${`${base}...${head}`}`}`,
      schema.comparisonSchema,
    );
    if (compared.total_commits === 0) {
      // Gitea itself would open an empty one
      throw new ForgeRefusedError(`${head} has no commit that ${base} does not have`);
    }
    return toPullRequest(
      await this.#client.post(
        `${path}/pulls`,
        { title, body, head, base },
        schema.pullRequestSchema,
      ),
    );
  }

  async whoAmI(): Promise<string> {
    return (await this.#client.get('/user', schema.userSchema)).login;
  }

  async isOrgMember(org: string, login: string): Promise<boolean> {
    return isOrgMember(this.#client, org, login);
  }

  async canWrite(repository: RepositoryRef, login: string): Promise<boolean> {
    const path = `${pathOf(repository)}${apiPath`/collaborators/${login}/permission`}`;
    try {
      return writes.has((await this.#client.get(path, schema.permissionSchema)).permission);
    } catch (error) {
      if (error instanceof ForgeDeniedError && error.status === 403) {
        return this.#isWriter(repository, login, error);
      }
      if (error instanceof ForgeNotFoundError) {
        // An unknown login, if the repository is there
        await this.#client.get(pathOf(repository), schema.repositorySchema);
        return false;
      }
      throw error;
    }
  }

  async readRepository(owner: string, name: string): Promise<Repository> {
    return this.#readRepository(apiPath`/repos/${owner}/${name}`);
  }

  async readRepositoryById(id: number): Promise<Repository> {
    return this.#readRepository(apiPath`/repositories/${id}`);
  }

  async #readRepository(path: string): Promise<Repository> {
    return toRepository(await this.#client.get(path, schema.repositorySchema), this.host);
  }

  /** For answers that do not say whose they are. */
  async #mustStillBe(repository: RepositoryRef): Promise<void> {
    const { id } = await this.#client.get(pathOf(repository), schema.repositorySchema);
    mustBe(repository, id);
  }

  async #items(path: string, query: Record<string, string>): Promise<ForgeItem[]> {
    const items: ForgeItem[] = [];
    for await (const item of this.#client.list(path, schema.itemsSchema, query)) {
      items.push(toItem(item));
    }
    return items;
  }

  /** An issue, or a pull request as an issue. */
  async #readItem(repository: RepositoryRef, number: number): Promise<schema.GiteaIssue> {
    const path = `${pathOf(repository)}${apiPath`/issues/${number}`}`;
    const item = await this.#client.get(path, schema.issueSchema);
    mustBe(repository, item.repository.id);
    return item;
  }

  /** Who asks while somebody else does gets the same answer. */
  #labelId(repository: RepositoryRef, label: LabelDraft): Promise<number> {
    const key = `${repository.id}/${label.name}`;
    const finding =
      this.#labelIds.get(key) ??
      this.#findOrMakeLabel(repository, label).finally(() => this.#labelIds.delete(key));
    this.#labelIds.set(key, finding);
    return finding;
  }

  /** Of the repository, or of the org that it belongs to; made in the repository where there is none. */
  async #findOrMakeLabel(repository: RepositoryRef, label: LabelDraft): Promise<number> {
    const lists = [`${pathOf(repository)}/labels`, apiPath`/orgs/${repository.owner}/labels`];
    for (const list of lists) {
      const known = await this.#findLabel(list, label.name);
      if (known !== undefined) {
        return known;
      }
    }
    const { name, colour, description, exclusive } = label;
    const draft = { name, color: colour, description, exclusive };
    return (await this.#client.post(`${pathOf(repository)}/labels`, draft, schema.labelSchema)).id;
  }

  async #findLabel(path: string, wanted: string): Promise<number | undefined> {
    try {
      for await (const { id, name } of this.#client.list(path, schema.labelsSchema)) {
        if (name === wanted) {
          return id;
        }
      }
    } catch (error) {
      // A person has no labels, an org does.
      noneIfAbsent(error);
    }
    return undefined;
  }

  async *#reviewComments(repository: RepositoryRef, number: number): AsyncGenerator<Comment> {
    const reviews = `${pathOf(repository)}${apiPath`/pulls/${number}/reviews`}`;
    for await (const review of this.#client.list(reviews, schema.reviewsSchema)) {
      const verdict = toVerdict(review.state);
      if (verdict === undefined) {
        continue;
      }
      if (review.body !== '') {
        yield toReviewComment(review, verdict);
      }
      if (review.comments_count > 0) {
        const path = `${reviews}${apiPath`/${review.id}/comments`}`;
        const inline = await this.#client.get(path, schema.inlineCommentsSchema);
        yield* inline.map((comment) => toInlineComment(comment, review.id));
      }
    }
  }

  /** Gitea cannot search by head. It lists the newest first. */
  async #findPullRequest(
    repository: RepositoryRef,
    branch: string,
    state: 'open' | 'all',
  ): Promise<PullRequest | undefined> {
    const path = `${pathOf(repository)}/pulls`;
    for await (const pull of this.#client.list(path, schema.pullRequestsSchema, { state })) {
      mustBe(repository, pull.base.repo_id);
      const { headBranch, headRepositoryId } = toPullRequest(pull);
      if (headBranch === branch && headRepositoryId === repository.id) {
        return toPullRequest(pull);
      }
    }
    return undefined;
  }

  /**
   * The answer for a token that does not administrate the repository and so may not ask for permissions. Everybody who
   * can write is among the assignees; of an org's repository, so are those whose team can only read its pull requests.
   * @throws ForgeDeniedError when the login may be one of these
   */
  async #isWriter(
    repository: RepositoryRef,
    login: string,
    refusal: ForgeDeniedError,
  ): Promise<boolean> {
    const path = pathOf(repository);
    const assignees = await this.#client.get(`${path}/assignees`, schema.usersSchema);
    if (!assignees.some((user) => user.login.toLowerCase() === login.toLowerCase())) {
      return false;
    }
    const teams = await this.#teams(path);
    if (
      teams.every(({ permission, units_map: units }) =>
        writes.has(units?.['repo.code'] ?? permission),
      )
    ) {
      return true;
    }
    throw new ForgeDeniedError(
      `cannot tell whether ${login} may write to ${repository.owner}/${repository.name}: ` +
        'make the account that the forge token belongs to an administrator of the repository',
      { status: 403, cause: refusal },
    );
  }

  /** The teams with access to the repository; none when it belongs to a person. */
  async #teams(repositoryPath: string) {
    try {
      return await this.#client.get(`${repositoryPath}/teams`, schema.teamsSchema);
    } catch (error) {
      if (error instanceof ForgeRefusedError && error.status === 405) {
        return [];
      }
      throw error;
    }
  }
}

function pathOf(repository: RepositoryRef): string {
  return apiPath`/repos/${repository.owner}/${repository.name}`;
}

function noneIfAbsent(error: unknown): never[] {
  if (error instanceof ForgeNotFoundError) {
    return [];
  }
  throw error;
}

/** Of the default branch. */
function contentsPath(repository: RepositoryRef, path: string): string {
  const segments = path.split('/').map((segment) => apiPath`/${segment}`);
  return `${pathOf(repository)}/contents${segments.join('')}`;
}

/** After a rename another repository can take the old name. */
function mustBe(repository: RepositoryRef, id: number): void {
  if (id !== repository.id) {
    throw new ForgeMovedError(
      `${repository.owner}/${repository.name} is another repository now (${id}, not ${repository.id})`,
    );
  }
}

/**
 * Times have a resolution of one second and reviews count apart, so that what falls into one second is ordered by kind
 * (a review before its inline comments), then by number.
 */
function byAge(one: Comment, other: Comment): number {
  return (
    Date.parse(one.createdAt) - Date.parse(other.createdAt) ||
    kindOrder.indexOf(one.kind) - kindOrder.indexOf(other.kind) ||
    one.id - other.id
  );
}

const kindOrder: readonly Comment['kind'][] = ['conversation', 'review', 'inline'];
