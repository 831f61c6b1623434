import {
  ForgeDeniedError,
  ForgeMovedError,
  ForgeNotFoundError,
  ForgeRefusedError,
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
import {
  itemOf,
  type MemoryItem,
  type MemoryPullItem,
  type MemoryRepository,
  type MemoryRole,
  type MemorySite,
  memoryDefaultBranch,
  mustBe,
} from './memory-site.ts';

const maxFileBytes = 1024 * 1024;

/** The methods of a forge, all of which can be made to fail. */
export type ForgeMethod = Exclude<keyof Forge, 'host' | 'requests'>;

/** `before`: nothing has happened; `after`: the effect is there, only the answer was lost. */
export type FaultTime = 'before' | 'after';

/** A forge in memory, for tests of what calls one: what is behind it is a `MemorySite`. */
export class MemoryForge implements Forge {
  readonly host: string;
  readonly #site: MemorySite;
  readonly #login: string;
  #requests = 0;
  readonly #faults = new Map<ForgeMethod, { error: Error; time: FaultTime }[]>();

  /** @param login the account that the calls are made with */
  constructor(site: MemorySite, login: string) {
    this.host = site.host;
    this.#site = site;
    this.#login = login;
  }

  get requests(): number {
    return this.#requests;
  }

  /** The next call of `method` rejects with `error`; given twice, the next two do. */
  failNext(method: ForgeMethod, error: Error, time: FaultTime = 'before'): void {
    this.#faults.set(method, [...(this.#faults.get(method) ?? []), { error, time }]);
  }

  readIssue(repository: RepositoryRef, number: number): Promise<Issue> {
    return this.#call('readIssue', () => {
      const found = this.#toRead(repository);
      const item = itemOf(found, number);
      if (item.pull) {
        throw new ForgeNotFoundError(`#${number} is a pull request, not an issue`);
      }
      return this.#issue(found, item);
    });
  }

  readPullRequest(repository: RepositoryRef, number: number): Promise<PullRequest> {
    return this.#call('readPullRequest', () => {
      const found = this.#toRead(repository);
      const item = itemOf(found, number);
      if (!isPull(item)) {
        throw new ForgeNotFoundError(`#${number} is an issue, not a pull request`);
      }
      return this.#pullRequest(found, item);
    });
  }

  listComments(repository: RepositoryRef, number: number): Promise<readonly Comment[]> {
    return this.#call('listComments', () => [...itemOf(this.#toRead(repository), number).comments]);
  }

  findLabeller(
    repository: RepositoryRef,
    number: number,
    label: string,
  ): Promise<string | undefined> {
    return this.#call('findLabeller', () =>
      itemOf(this.#toRead(repository), number).labellers.get(label),
    );
  }

  findOpenPullRequest(repository: RepositoryRef, branch: string): Promise<PullRequest | undefined> {
    return this.#call('findOpenPullRequest', () =>
      this.#pullsOf(repository, branch).find(({ state }) => state === 'open'),
    );
  }

  findLatestPullRequest(
    repository: RepositoryRef,
    branch: string,
  ): Promise<PullRequest | undefined> {
    return this.#call('findLatestPullRequest', () => this.#pullsOf(repository, branch)[0]);
  }

  listWritableRepositories(): Promise<readonly RepositoryRef[]> {
    return this.#call('listWritableRepositories', () =>
      this.#site
        .all()
        .filter(({ roles, archived }) => {
          const role = roles.get(this.#login);
          return !archived && (role === 'write' || role === 'admin');
        })
        .map((repository) => this.#repository(repository).ref),
    );
  }

  listOpenItems(repository: RepositoryRef): Promise<readonly ForgeItem[]> {
    return this.#call('listOpenItems', () =>
      this.#items(this.#toRead(repository)).filter(({ state }) => state === 'open'),
    );
  }

  listChangedItems(owner: string, since: number): Promise<readonly ForgeItem[]> {
    return this.#call('listChangedItems', () => {
      const repositories = this.#site.all().filter((repository) => repository.owner === owner);
      if (repositories.length === 0) {
        throw new ForgeNotFoundError(`nobody is named ${owner}`, { status: 400 });
      }
      return repositories
        .flatMap((repository) => this.#items(repository))
        .filter(({ changedAt }) => changedAt >= since);
    });
  }

  listStateChanges(
    repository: RepositoryRef,
    number: number,
    since = 0,
  ): Promise<readonly StateChange[]> {
    return this.#call('listStateChanges', () =>
      itemOf(this.#toRead(repository), number).stateChanges.filter(({ at }) => at >= since),
    );
  }

  createComment(repository: RepositoryRef, number: number, body: string): Promise<Comment> {
    return this.#call('createComment', () => {
      const found = this.#toWrite(repository);
      const item = itemOf(found, number);
      if (body === '') {
        throw new ForgeRefusedError('a comment needs a text', { status: 422 });
      }
      return this.#site.addComment(found, item, { author: this.#login, body });
    });
  }

  addReaction(repository: RepositoryRef, commentId: number, reaction: Reaction): Promise<void> {
    return this.#call('addReaction', () => {
      const found = this.#toWrite(repository);
      const item = [...found.items.values()].find(({ comments }) =>
        comments.some(({ id, kind }) => id === commentId && kind === 'conversation'),
      );
      if (item === undefined) {
        throw new ForgeNotFoundError(`there is no comment ${commentId}`, { status: 404 });
      }
      this.#site.addReaction(commentId, `${this.#login} ${reaction}`);
    });
  }

  setCommitStatus(repository: RepositoryRef, commit: string, status: CommitStatus): Promise<void> {
    return this.#call('setCommitStatus', () => {
      this.#toWrite(repository, 'as a writer').statuses.set(`${commit} ${status.context}`, status);
    });
  }

  replaceLabel(
    repository: RepositoryRef,
    number: number,
    prefix: string,
    label: LabelDraft | undefined,
  ): Promise<void> {
    return this.#call('replaceLabel', () => {
      const found = this.#toWrite(repository, 'as a writer');
      const item = itemOf(found, number);
      const others = item.labels.filter((name) => !name.startsWith(prefix));
      item.labels = label === undefined ? others : [...others, label.name];
      if (label !== undefined) {
        found.labels.set(label.name, found.labels.get(label.name) ?? label);
        item.labellers.set(label.name, this.#login);
      }
    });
  }

  updateDescription(repository: RepositoryRef, number: number, body: string): Promise<void> {
    return this.#call('updateDescription', () => {
      itemOf(this.#toWrite(repository), number).body = body;
    });
  }

  createPullRequest(
    repository: RepositoryRef,
    draft: { title: string; body: string; head: string; base: string },
  ): Promise<PullRequest> {
    return this.#call('createPullRequest', () => {
      const found = this.#toWrite(repository);
      return this.#pullRequest(found, this.#site.addPullRequest(found, this.#login, draft));
    });
  }

  listDirectory(repository: RepositoryRef, path: string): Promise<readonly DirectoryEntry[]> {
    return this.#call('listDirectory', () => {
      const entries = new Map<string, DirectoryEntry>();
      for (const [file, content] of this.#toRead(repository).files) {
        if (!file.startsWith(`${path}/`)) {
          continue;
        }
        const [name = '', ...below] = file.slice(path.length + 1).split('/');
        if (below.length > 0) {
          entries.set(name, { name, kind: 'directory', size: 0 });
        } else if (content === 'link') {
          entries.set(name, { name, kind: 'link', size: 0 });
        } else {
          entries.set(name, { name, kind: 'file', size: content.byteLength });
        }
      }
      return [...entries.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1));
    });
  }

  readFile(repository: RepositoryRef, path: string): Promise<Uint8Array> {
    return this.#call('readFile', () => {
      const content = this.#toRead(repository).files.get(path);
      if (content === undefined || content === 'link') {
        throw new ForgeNotFoundError(`there is no file ${path}`, { status: 404 });
      }
      if (content.byteLength > maxFileBytes) {
        throw new ForgeRefusedError(`${path} is larger than ${maxFileBytes} bytes`);
      }
      return content;
    });
  }

  whoAmI(): Promise<string> {
    return this.#call('whoAmI', () => this.#login);
  }

  isOrgMember(org: string, login: string): Promise<boolean> {
    return this.#call('isOrgMember', () => {
      const members = this.#site.membersOf(org);
      if (!members.has(this.#login)) {
        throw new ForgeDeniedError(`${this.#login} may not ask who belongs to ${org}`, {
          status: 303,
        });
      }
      return members.has(login);
    });
  }

  canWrite(repository: RepositoryRef, login: string): Promise<boolean> {
    return this.#call('canWrite', () => {
      return writes(this.#toRead(repository).roles.get(login));
    });
  }

  readRepository(owner: string, name: string): Promise<Repository> {
    return this.#call('readRepository', () => this.#repository(this.#site.byName(owner, name)));
  }

  readRepositoryById(id: number): Promise<Repository> {
    return this.#call('readRepositoryById', () => this.#repository(this.#site.byId(id)));
  }

  async #call<T>(method: ForgeMethod, act: () => T): Promise<T> {
    this.#requests++;
    const fault = this.#faults.get(method)?.shift();
    if (fault?.time === 'before') {
      throw fault.error;
    }
    const result = act();
    if (fault) {
      throw fault.error;
    }
    return result;
  }

  #toRead(ref: RepositoryRef): MemoryRepository {
    const repository = this.#site.byName(ref.owner, ref.name);
    mustBe(ref, repository);
    return repository;
  }

  #toWrite(ref: RepositoryRef, as: 'as anybody' | 'as a writer' = 'as anybody'): MemoryRepository {
    const repository = this.#toRead(ref);
    if (as === 'as a writer' && !writes(repository.roles.get(this.#login))) {
      throw new ForgeDeniedError(`${this.#login} may not write`, { status: 403 });
    }
    if (repository.owner !== ref.owner || repository.name !== ref.name) {
      throw new ForgeMovedError(`the repository is ${repository.owner}/${repository.name} now`, {
        status: 301,
      });
    }
    if (repository.archived) {
      throw new ForgeRefusedError('the repository is archived', { status: 423 });
    }
    return repository;
  }

  #repository(repository: MemoryRepository): Repository {
    const { id, owner, name, archived } = repository;
    return {
      ref: { forgeHost: this.host, id, owner, name },
      defaultBranch: memoryDefaultBranch,
      cloneUrl: `${this.#site.webUrl(repository)}.git`,
      archived,
    };
  }

  #issue(repository: MemoryRepository, item: MemoryItem): Issue {
    const { number, title, body, state, author, labels, assignees } = item;
    const url = `${this.#site.webUrl(repository)}/issues/${number}`;
    return { number, title, body, state, url, author, labels, assignees };
  }

  #items(repository: MemoryRepository): ForgeItem[] {
    return [...repository.items.values()].map((item) => {
      const { number, title, state, author, labels, assignees, createdAt, changedAt } = item;
      return {
        repository: this.#repository(repository).ref,
        number,
        isPullRequest: isPull(item),
        title,
        state,
        url: `${this.#site.webUrl(repository)}/${isPull(item) ? 'pulls' : 'issues'}/${number}`,
        author,
        labels,
        assignees,
        createdAt,
        changedAt,
      };
    });
  }

  #pullRequest(repository: MemoryRepository, item: MemoryPullItem): PullRequest {
    const { number, title, body, state, author, pull } = item;
    return {
      number,
      title,
      body,
      state,
      merged: pull.merged,
      url: `${this.#site.webUrl(repository)}/pulls/${number}`,
      author,
      headBranch: pull.head,
      headRepositoryId: this.#site.exists(pull.headRepositoryId)
        ? pull.headRepositoryId
        : undefined,
      headCommit: pull.headCommit,
      baseBranch: pull.base,
    };
  }

  /** Newest first. */
  #pulls(repository: MemoryRepository): PullRequest[] {
    return [...repository.items.values()]
      .filter(isPull)
      .map((item) => this.#pullRequest(repository, item))
      .toReversed();
  }

  #pullsOf(ref: RepositoryRef, branch: string): PullRequest[] {
    return this.#pulls(this.#toRead(ref)).filter(
      (pull) => pull.headBranch === branch && pull.headRepositoryId === ref.id,
    );
  }
}

function writes(role: MemoryRole | undefined): boolean {
  return role === 'write' || role === 'admin';
}

function isPull(item: MemoryItem): item is MemoryPullItem {
  return item.pull !== undefined;
}
