import type { Repository } from '../domain/issue.ts';
import type { LabelDraft } from './forge.ts';

/**
 * What it takes to set a code host up for the orchestrator, and to see how it is set up: asked by `init`, `doctor` and
 * `webhook`, with the orchestrator's own token or that of a person who may change more. The rules of `Forge` hold, its
 * errors too. A method that changes something is sent once, and its docstring says whether it may be called again.
 */
export interface ForgeSetup
  extends ForgeSite, ForgeOrgs, ForgeAccess, ForgeLabels, ForgeHooks, ForgeAccounts {}

/** Host and token. */
interface ForgeSite {
  /** Host and port, as in `RepositoryRef.forgeHost`. */
  readonly host: string;
  /** The forge's version as it names it, such as `1.26.0`, and its clock, to a second. */
  readSite(): Promise<{ readonly version: string; readonly clock: Date | undefined }>;
  /**
   * Whose token it is. Needs a scope that may be missing, of a token that is good.
   * @throws ForgeDeniedError with status 401 when the forge does not know the token
   */
  readAccount(): Promise<Account>;
  /** Asks for each scope that the orchestrator's own token needs, by a request that changes nothing. */
  probeScopes(): Promise<readonly ProbedScope[]>;
}

export interface Account {
  readonly login: string;
  /** Of the whole site. */
  readonly isAdministrator: boolean;
  /** Undefined: nobody ever signed in on the web pages with this account. */
  readonly lastSignIn: Date | undefined;
}

export interface ProbedScope {
  /** In the forge's word, as on its page for tokens. */
  readonly scope: string;
  readonly neededFor: string;
  readonly granted: boolean;
}

interface ForgeAccounts {
  /**
   * Makes an account that nobody signs in with, and a token of it with the scopes that the orchestrator needs. Only for administrators of
   * the site. Not idempotent.
   * @throws ForgeRefusedError when there is an account of that name
   */
  createAccount(login: string): Promise<{ readonly token: string }>;
  accountExists(login: string): Promise<boolean>;
}

interface ForgeOrgs {
  /** False also for an org that is hidden from the token's account. */
  orgExists(org: string): Promise<boolean>;
  /** With the token's account as its owner, seen by its members only. @throws ForgeRefusedError when the name is taken */
  createOrg(org: string): Promise<void>;
  /** As `ForgeDirectory.isOrgMember`. */
  isOrgMember(org: string, login: string): Promise<boolean>;
  /**
   * Makes an account a member by a team `members`, which is made if absent and gives access to no repository. Idempotent.
   * Only for owners of the org.
   */
  addOrgMember(org: string, login: string): Promise<void>;
  /** Those of the org that the token's account can see, by name. */
  listOrgRepositories(org: string): Promise<readonly RepositoryName[]>;
}

export interface RepositoryName {
  readonly owner: string;
  readonly name: string;
}

/** Who may do what with a repository. */
interface ForgeAccess {
  readRepository(owner: string, name: string): Promise<RepositoryWithRights>;
  /**
   * The right of any account: `none` also for an unknown one.
   * @throws ForgeDeniedError unless the token's account administrates the repository
   */
  readRight(repository: RepositoryName, login: string): Promise<RepositoryRight>;
  /** Gives an account a right, whatever it had before. Idempotent. Only for administrators of the repository. */
  grantRight(repository: RepositoryName, login: string, right: 'write' | 'admin'): Promise<void>;
  /** Whether a branch is protected, and what the token's account may do with it nevertheless. */
  readBranchProtection(repository: RepositoryName, branch: string): Promise<BranchProtection>;
}

export type RepositoryRight = 'none' | 'read' | 'write' | 'admin';

export interface RepositoryWithRights extends Repository {
  /** Of the token's account. */
  readonly right: RepositoryRight;
  /** Nothing was ever pushed: there is no branch that a bottle could start from. */
  readonly empty: boolean;
  /** Issues and pull requests are switched on. */
  readonly hasIssues: boolean;
  readonly hasPullRequests: boolean;
  readonly ownerIsOrg: boolean;
}

export interface BranchProtection {
  readonly protected: boolean;
  readonly mayPush: boolean;
  readonly mayMerge: boolean;
}

/** A repository, or an org as a whole: what labels and webhooks belong to. */
export type Place =
  | ({ readonly kind: 'repository' } & RepositoryName)
  | { readonly kind: 'org'; readonly org: string };

interface ForgeLabels {
  /** Those of the place itself: a repository's do not hold its org's. */
  listLabels(place: Place): Promise<readonly Label[]>;
  /** Not idempotent: a forge may keep two of the same name. */
  createLabel(place: Place, label: LabelDraft): Promise<void>;
  /** Idempotent. @throws ForgeNotFoundError when there is no such label */
  updateLabel(place: Place, id: number, change: Partial<LabelDraft>): Promise<void>;
}

export interface Label extends LabelDraft {
  readonly id: number;
}

/** Only for administrators of the repository and owners of the org: everybody else gets `ForgeDeniedError`. */
interface ForgeHooks {
  listHooks(place: Place): Promise<readonly Hook[]>;
  /**
   * A webhook for all that the orchestrator has to know. Not idempotent. A forge may take any URL here and never deliver
   * there: only `testHook` shows.
   */
  createHook(place: Place, draft: { readonly url: string; readonly secret: string }): Promise<Hook>;
  /**
   * Sets the URL, all the events, the form of the body, and makes it active. Idempotent. The secret stays as it is: no
   * forge tells it, and Gitea does not change it either, so another secret takes another hook.
   */
  updateHook(place: Place, id: number, change: { readonly url: string }): Promise<Hook>;
  /** Idempotent. */
  deleteHook(place: Place, id: number): Promise<void>;
  /**
   * Has the forge deliver one event that means nothing, signed with the hook's own secret, to `url` in place of the hook's
   * URL. Resolves when the forge has taken that over. Dispose of it once the delivery has arrived or is given up: that puts
   * back what the hook was before.
   *
   * Undefined where the forge has nothing to deliver: in a repository without a commit and an issue, in an org whose
   * repositories have no issue.
   */
  testHook(place: Place, id: number, url: string): Promise<AsyncDisposable | undefined>;
}

export interface Hook {
  readonly id: number;
  readonly url: string;
  readonly active: boolean;
  /** Bodies are sent as JSON, to the POST method. */
  readonly usable: boolean;
  /** Where people see it, its last deliveries among it. */
  readonly page: string;
  /** What the orchestrator has to know and is not told by this hook, in the forge's words. */
  readonly missingEvents: readonly string[];
}
