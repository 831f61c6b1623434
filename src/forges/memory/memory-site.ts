import { ForgeMovedError, ForgeNotFoundError, ForgeRefusedError } from '../../domain/errors.ts';
import type { Comment, RepositoryRef, ReviewVerdict } from '../../domain/issue.ts';
import type { CommitStatus, LabelDraft, StateChange } from '../forge.ts';

/** What a person may do with a repository. */
export type MemoryRole = 'read' | 'write' | 'admin';

/** A branch is the set of the commits it holds; that is all a pull request needs to know. */
type Branch = ReadonlySet<number>;

export interface MemoryRepository {
  readonly id: number;
  owner: string;
  name: string;
  archived: boolean;
  readonly roles: Map<string, MemoryRole>;
  readonly branches: Map<string, Branch>;
  /** Of the default branch, by path. */
  readonly files: Map<string, Uint8Array | 'link'>;
  readonly items: Map<number, MemoryItem>;
  /** Those that somebody made, by name. People use others as they like. */
  readonly labels: Map<string, LabelDraft>;
  /** By commit and context. */
  readonly statuses: Map<string, CommitStatus>;
}

/** An issue, or with `pull` a pull request. */
export interface MemoryItem {
  readonly number: number;
  readonly author: string;
  title: string;
  body: string;
  state: 'open' | 'closed';
  labels: readonly string[];
  /** Who put each label on last. */
  readonly labellers: Map<string, string>;
  assignees: readonly string[];
  readonly comments: Comment[];
  readonly stateChanges: StateChange[];
  readonly createdAt: number;
  changedAt: number;
  readonly pull?: MemoryPull;
}

export type MemoryPullItem = MemoryItem & { readonly pull: MemoryPull };

interface MemoryPull {
  /** The repository may have been deleted since. */
  readonly headRepositoryId: number;
  readonly head: string;
  readonly base: string;
  headCommit: string;
  merged: boolean;
}

export const memoryDefaultBranch = 'main';

/**
 * The code host behind `MemoryForge`: what is there, the means to seed it, and people who act on it. Its clock stands
 * still but for one second per change, so that tests see the same times in every run.
 */
export class MemorySite {
  readonly host: string;
  readonly #orgs = new Map<string, Set<string>>();
  readonly #repositories = new Map<number, MemoryRepository>();
  /** `owner/name` as it was → the repository's id. */
  readonly #formerNames = new Map<string, number>();
  /** By comment: who reacted, and how. */
  readonly #reactions = new Map<number, Set<string>>();
  #lastId = 0;
  #clock = Date.UTC(2026, 0, 1);

  constructor(host = 'memory.example') {
    this.host = host;
  }

  addOrg(name: string, ...members: string[]): void {
    this.#orgs.set(name, new Set(members));
  }

  /** @throws ForgeNotFoundError when there is no such org */
  membersOf(org: string): ReadonlySet<string> {
    const members = this.#orgs.get(org);
    if (members === undefined) {
      throw new ForgeNotFoundError(`there is no org ${org}`, { status: 404 });
    }
    return members;
  }

  /** Adds a repository with one commit on its default branch. */
  addRepository(owner: string, name: string): RepositoryRef {
    const repository: MemoryRepository = {
      id: this.nextId(),
      owner,
      name,
      archived: false,
      roles: new Map([[owner, 'admin']]),
      branches: new Map([[memoryDefaultBranch, new Set([this.nextId()])]]),
      files: new Map(),
      items: new Map(),
      labels: new Map(),
      statuses: new Map(),
    };
    this.#repositories.set(repository.id, repository);
    return { forgeHost: this.host, id: repository.id, owner, name };
  }

  grant(repository: RepositoryRef, login: string, role: MemoryRole): void {
    this.byId(repository.id).roles.set(login, role);
  }

  /** Reads that use the old name are led to the new one, until another repository takes it. */
  rename(repository: RepositoryRef, name: string): void {
    const found = this.byId(repository.id);
    this.#formerNames.set(`${found.owner}/${found.name}`, found.id);
    found.name = name;
  }

  archive(repository: RepositoryRef): void {
    this.byId(repository.id).archived = true;
  }

  /** Pull requests from it lose their head's repository. */
  deleteRepository(repository: RepositoryRef): void {
    this.#repositories.delete(repository.id);
  }

  /** Somebody who works on a repository the way people do. Nobody checks what they may. */
  person(login: string, repository: RepositoryRef): MemoryPerson {
    return new MemoryPerson(this, login, this.byId(repository.id));
  }

  /** @throws ForgeNotFoundError */
  byId(id: number): MemoryRepository {
    const repository = this.#repositories.get(id);
    if (repository === undefined) {
      throw new ForgeNotFoundError(`there is no repository ${id}`, { status: 404 });
    }
    return repository;
  }

  /** The repository of this name now, or formerly. @throws ForgeNotFoundError */
  byName(owner: string, name: string): MemoryRepository {
    const current = [...this.#repositories.values()].find(
      (repository) => repository.owner === owner && repository.name === name,
    );
    return current ?? this.byId(this.#formerNames.get(`${owner}/${name}`) ?? 0);
  }

  all(): readonly MemoryRepository[] {
    return [...this.#repositories.values()];
  }

  /** Open pull requests of a branch follow it. */
  push(repository: MemoryRepository, branch: string): void {
    const before = repository.branches.get(branch) ?? branchOf(repository, memoryDefaultBranch);
    const head = new Set(before).add(this.nextId());
    repository.branches.set(branch, head);
    for (const { items } of this.#repositories.values()) {
      for (const item of items.values()) {
        const { state, pull } = item;
        if (state === 'open' && pull?.headRepositoryId === repository.id && pull.head === branch) {
          pull.headCommit = newestOf(head);
          item.changedAt = this.nextTime();
        }
      }
    }
  }

  exists(id: number): boolean {
    return this.#repositories.has(id);
  }

  nextId(): number {
    return ++this.#lastId;
  }

  /** Lets so much time pass. */
  pass(ms: number): void {
    this.#clock += ms;
  }

  /** One second after the time before. */
  nextTime(): number {
    this.#clock += 1000;
    return this.#clock;
  }

  webUrl(repository: MemoryRepository): string {
    return `https://${this.host}/${repository.owner}/${repository.name}`;
  }

  addItem<T extends Partial<MemoryItem>>(
    repository: MemoryRepository,
    item: Pick<MemoryItem, 'author' | 'title' | 'body'> & T,
  ): MemoryItem & T {
    const now = this.nextTime();
    const added = {
      number: repository.items.size + 1,
      state: 'open' as const,
      labels: [],
      labellers: new Map((item.labels ?? []).map((label) => [label, item.author])),
      assignees: [],
      comments: [],
      stateChanges: [],
      createdAt: now,
      changedAt: now,
      ...item,
    };
    repository.items.set(added.number, added);
    return added;
  }

  changeState(item: MemoryItem, change: StateChange['change'], by: string): void {
    item.changedAt = this.nextTime();
    item.state = change === 'closed' ? 'closed' : 'open';
    item.stateChanges.push({ change, by, at: item.changedAt });
  }

  addComment(
    repository: MemoryRepository,
    item: MemoryItem,
    comment: Pick<Comment, 'author' | 'body'> & Partial<Comment>,
  ): Comment {
    const id = this.nextId();
    item.changedAt = this.nextTime();
    const added: Comment = {
      id,
      kind: 'conversation',
      createdAt: new Date(item.changedAt).toISOString(),
      url: `${this.webUrl(repository)}/issues/${item.number}#comment-${id}`,
      ...comment,
    };
    item.comments.push(added);
    return added;
  }

  addReaction(commentId: number, reaction: string): void {
    this.#reactions.set(commentId, this.reactionsTo(commentId).add(reaction));
  }

  /** Each as `<login> <reaction>`, in the order in which they came. */
  reactionsTo(commentId: number): Set<string> {
    return this.#reactions.get(commentId) ?? new Set();
  }

  /** @throws ForgeRefusedError ForgeNotFoundError as `Forge.createPullRequest` */
  addPullRequest(
    repository: MemoryRepository,
    author: string,
    draft: { title: string; body: string; head: string; base: string },
    headRepository: MemoryRepository = repository,
  ): MemoryPullItem {
    const head = branchOf(headRepository, draft.head);
    const base = branchOf(repository, draft.base);
    if (openPullsOf(repository, headRepository.id, draft.head).length > 0) {
      throw new ForgeRefusedError(`a pull request of ${draft.head} is open`, { status: 409 });
    }
    if ([...head].every((commit) => base.has(commit))) {
      throw new ForgeRefusedError(`${draft.head} has nothing new`, { status: 422 });
    }
    const { title, body } = draft;
    return this.addItem(repository, {
      author,
      title,
      body,
      pull: {
        headRepositoryId: headRepository.id,
        head: draft.head,
        base: draft.base,
        headCommit: newestOf(head),
        merged: false,
      },
    });
  }
}

export interface MemoryReview {
  readonly verdict: ReviewVerdict;
  readonly body?: string;
  readonly inline?: readonly {
    readonly path: string;
    readonly line: number;
    readonly body: string;
  }[];
}

/** A person at work in one repository. */
export class MemoryPerson {
  readonly #site: MemorySite;
  readonly #login: string;
  readonly #repository: MemoryRepository;

  constructor(site: MemorySite, login: string, repository: MemoryRepository) {
    this.#site = site;
    this.#login = login;
    this.#repository = repository;
  }

  /** @returns the issue's number, as every `open…` does */
  openIssue(draft: {
    title: string;
    body?: string;
    labels?: readonly string[];
    assignees?: readonly string[];
  }): number {
    return this.#site.addItem(this.#repository, { body: '', ...draft, author: this.#login }).number;
  }

  setLabels(number: number, labels: readonly string[]): void {
    const item = this.#item(number);
    for (const label of labels.filter((one) => !item.labels.includes(one))) {
      item.labellers.set(label, this.#login);
    }
    item.labels = labels;
    item.changedAt = this.#site.nextTime();
  }

  setAssignees(number: number, assignees: readonly string[]): void {
    const item = this.#item(number);
    item.assignees = assignees;
    item.changedAt = this.#site.nextTime();
  }

  /** Closes an issue, or a pull request without merging it. */
  close(number: number): void {
    this.#site.changeState(this.#item(number), 'closed', this.#login);
  }

  reopen(number: number): void {
    this.#site.changeState(this.#item(number), 'reopened', this.#login);
  }

  /** @returns the comment's id */
  comment(number: number, body: string): number {
    const item = this.#item(number);
    return this.#site.addComment(this.#repository, item, { author: this.#login, body }).id;
  }

  /** Also one by somebody else. */
  editComment(commentId: number, body: string): void {
    for (const { comments } of this.#repository.items.values()) {
      const index = comments.findIndex(({ id, kind }) => id === commentId && kind !== 'review');
      const comment = comments[index];
      if (comment !== undefined) {
        comments[index] = { ...comment, body, edited: true };
      }
    }
  }

  /** Each as `<login> <reaction>`. */
  reactions(commentId: number): string[] {
    return [...this.#site.reactionsTo(commentId)];
  }

  /** Of the newest commit of a branch. */
  statuses(branch: string): CommitStatus[] {
    const commit = newestOf(branchOf(this.#repository, branch));
    return [...this.#repository.statuses].flatMap(([key, status]) =>
      key.startsWith(`${commit} `) ? [status] : [],
    );
  }

  /** Of the repository, that somebody made. */
  labels(): LabelDraft[] {
    return [...this.#repository.labels.values()];
  }

  /** Submits a review. */
  review(number: number, review: MemoryReview): void {
    const item = this.#item(number);
    const id = this.#site.nextId();
    const { verdict, body = '', inline = [] } = review;
    const common = { author: this.#login, reviewId: id };
    if (body !== '') {
      this.#site.addComment(this.#repository, item, {
        ...common,
        id,
        kind: 'review',
        body,
        verdict,
      });
    }
    for (const comment of inline) {
      this.#site.addComment(this.#repository, item, { ...common, kind: 'inline', ...comment });
    }
  }

  /** Pushes one commit. A branch that is not there begins at the default branch. */
  push(branch: string): void {
    this.#site.push(this.#repository, branch);
  }

  /** Pushes a file to the default branch. */
  write(path: string, content: string | Uint8Array): void {
    this.push(memoryDefaultBranch);
    this.#repository.files.set(path, Buffer.from(content));
  }

  /** Pushes a symbolic link to the default branch; nobody asks where it leads. */
  link(path: string): void {
    this.push(memoryDefaultBranch);
    this.#repository.files.set(path, 'link');
  }

  /** Closes the branch's open pull requests, as forges do. */
  deleteBranch(branch: string): void {
    this.#repository.branches.delete(branch);
    for (const pull of openPullsOf(this.#repository, this.#repository.id, branch)) {
      this.#site.changeState(pull, 'closed', this.#login);
    }
  }

  openPullRequest(draft: { title: string; body?: string; head: string; base?: string }): number {
    const whole = { body: '', base: memoryDefaultBranch, ...draft };
    return this.#site.addPullRequest(this.#repository, this.#login, whole).number;
  }

  /** Forks the repository, pushes to `branch` in the fork and opens a pull request from there. */
  openPullRequestFromFork(draft: { title: string; head: string }): {
    number: number;
    fork: RepositoryRef;
  } {
    const fork = this.#site.addRepository(this.#login, this.#repository.name);
    this.#site.person(this.#login, fork).push(draft.head);
    const { number } = this.#site.addPullRequest(
      this.#repository,
      this.#login,
      { body: '', base: memoryDefaultBranch, ...draft },
      this.#site.byId(fork.id),
    );
    return { number, fork };
  }

  merge(number: number): void {
    const item = this.#item(number);
    if (item.pull === undefined || item.state === 'closed') {
      throw new ForgeRefusedError(`#${number} cannot be merged`, { status: 405 });
    }
    const { head, base, headRepositoryId } = item.pull;
    const headBranch = branchOf(this.#site.byId(headRepositoryId), head);
    const baseBranch = branchOf(this.#repository, base);
    this.#repository.branches.set(base, new Set([...baseBranch, ...headBranch]));
    item.pull.merged = true;
    this.#site.changeState(item, 'closed', this.#login);
  }

  #item(number: number): MemoryItem {
    return itemOf(this.#repository, number);
  }
}

/** @throws ForgeNotFoundError */
export function itemOf(repository: MemoryRepository, number: number): MemoryItem {
  const item = repository.items.get(number);
  if (item === undefined) {
    throw new ForgeNotFoundError(`there is no #${number}`, { status: 404 });
  }
  return item;
}

/** @throws ForgeMovedError when the name belongs to another repository now */
export function mustBe(ref: RepositoryRef, repository: MemoryRepository): void {
  if (repository.id !== ref.id) {
    throw new ForgeMovedError(`${ref.owner}/${ref.name} is another repository now`);
  }
}

function branchOf(repository: MemoryRepository, name: string): Branch {
  const branch = repository.branches.get(name);
  if (branch === undefined) {
    throw new ForgeNotFoundError(`there is no branch ${name}`, { status: 404 });
  }
  return branch;
}

function newestOf(branch: Branch): string {
  return String([...branch].at(-1));
}

function openPullsOf(
  repository: MemoryRepository,
  headRepositoryId: number,
  head: string,
): MemoryItem[] {
  return [...repository.items.values()].filter(
    ({ state, pull }) =>
      state === 'open' && pull?.head === head && pull.headRepositoryId === headRepositoryId,
  );
}
