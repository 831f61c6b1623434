import { toApiUrl, type SetupConfig } from '../../config/load-setup.ts';
import { ForgeDeniedError, ForgeError } from '../../domain/errors.ts';
import type { Account, ForgeSetup } from '../../forges/forge-setup.ts';
import { SetupStoppedError, type Progress } from '../progress.ts';

export interface AccountStepParts {
  readonly config: SetupConfig;
  readonly progress: Progress;
  /** @throws ConfigError when the address or the token cannot be used */
  connect(apiUrl: string, token: string): ForgeSetup;
  /** Keeps the token of an account that was made: nobody is told it twice. */
  keepToken(token: string): Promise<void>;
}

/** The forge as two people see it. */
export interface Accounts {
  readonly apiUrl: string;
  /** Of the orchestrator's account. */
  readonly token: string;
  readonly login: string;
  /** As the orchestrator's account. */
  readonly own: ForgeSetup;
  /** As the person, who may change more; the orchestrator's account when there is no token of a person. */
  readonly person: ForgeSetup;
}

/** Settles where the forge is and who is who there; makes the orchestrator's account if there is none. */
export async function settleAccounts(parts: AccountStepParts): Promise<Accounts> {
  const { config, progress, connect } = parts;
  const apiUrl = config.apiUrl ?? (await askForge(progress));
  const helperToken = config.setupToken ?? (await askPersonsToken(parts));
  const helper =
    helperToken === '' ? undefined : await introduce(parts, connect(apiUrl, helperToken), 'your');
  const token = config.token ?? (await settleOwnToken(parts, helper));
  const { forge: own, account } = await introduce(
    parts,
    connect(apiUrl, token),
    "the orchestrator's",
  );
  await requireScopes(own, account);
  const danger = account.isAdministrator
    ? '. It administrates the whole site: an account of its own that does not would be safer'
    : '';
  progress.tellRight(
    `The orchestrator works as ${account.login}, whose token has all scopes${danger}`,
  );
  return { apiUrl, token, login: account.login, own, person: helper?.forge ?? own };
}

async function askForge({ person }: Progress): Promise<string> {
  const answer = await person.ask({
    text: 'Where is your Gitea?',
    otherwise: '--forge or FORGE_GITEA_API',
    check: (text) =>
      /^https?:$/.test(URL.parse(text)?.protocol ?? '')
        ? undefined
        : 'An address is needed, such as https://gitea.example.com',
  });
  return toApiUrl(answer);
}

function askPersonsToken({ progress }: AccountStepParts): Promise<string> {
  return progress.person.ask({
    text: 'Your own token, with all permissions. It is used now, and not kept (Enter: none)',
    otherwise: '--setup-token-file or FORGE_SETUP_TOKEN',
    initial: '',
    secret: true,
  });
}

interface Introduced {
  readonly forge: ForgeSetup;
  readonly account: Account;
}

/** @throws SetupStoppedError when the forge does not answer, or does not know the token */
async function introduce(
  { progress }: AccountStepParts,
  forge: ForgeSetup,
  whose: string,
): Promise<Introduced> {
  try {
    const account = await forge.readAccount();
    if (whose === 'your') {
      const { version } = await forge.readSite();
      progress.tellRight(`Gitea ${version} at ${forge.host} knows you as ${account.login}`);
    }
    return { forge, account };
  } catch (error) {
    if (error instanceof ForgeDeniedError) {
      throw new SetupStoppedError(
        `Gitea at ${forge.host} does not take ${whose} token (${error.message}). Make one with the permissions that are needed, on its page Settings › Applications.`,
      );
    }
    if (error instanceof ForgeError) {
      throw new SetupStoppedError(
        `No Gitea answers at ${forge.host} (${error.message}). Is the address right, and does it lead to Gitea from this machine?`,
      );
    }
    throw error;
  }
}

/** Given by the person, or of an account that is made now. */
async function settleOwnToken(
  parts: AccountStepParts,
  helper: Introduced | undefined,
): Promise<string> {
  const { progress } = parts;
  const canMake = helper?.account.isAdministrator === true;
  const token = await progress.person.ask({
    text: `A token of the orchestrator's account (${canMake ? 'Enter: make an account' : 'yours will do, then agents comment in your name'})`,
    otherwise: '--forge-token-file or FORGE_TOKEN',
    secret: true,
    ...(canMake && { initial: '' }),
  });
  return token === '' && canMake ? makeAccount(parts, helper.forge) : token;
}

async function makeAccount(parts: AccountStepParts, helper: ForgeSetup): Promise<string> {
  const { config, progress, keepToken } = parts;
  const login = await progress.person.ask({
    text: 'The name of the account',
    otherwise: '--forge-token-file or FORGE_TOKEN',
    initial: 'agent-bot',
  });
  if (await helper.accountExists(login)) {
    throw new SetupStoppedError(
      `There is an account ${login} already. Sign in as ${login} (where nobody knows its password, an administrator of the site sets another first), make a token (Settings › Applications), and give it as the orchestrator's.`,
    );
  }
  let token: string | undefined;
  await progress.change({
    proposal: `Make the account ${login}, and keep a token of it in ${config.dataDirectory}`,
    done: `made the account ${login}`,
    byHand: 'Make the account and a token of it on Gitea, and give that as the orchestrator’s.',
    make: async () => {
      ({ token } = await helper.createAccount(login));
      await keepToken(token);
    },
  });
  if (token === undefined) {
    throw new SetupStoppedError('The orchestrator needs an account on Gitea, and a token of it.');
  }
  return token;
}

async function requireScopes(own: ForgeSetup, { login }: Account): Promise<void> {
  const missing = (await own.probeScopes()).filter(({ granted }) => !granted);
  if (missing.length > 0) {
    const list = missing.map(({ scope, neededFor }) => `${scope} (${neededFor})`).join(', ');
    throw new SetupStoppedError(
      `The token of ${login} lacks ${list}. Make another as ${login}, on Gitea under Settings › Applications, with these permissions too.`,
    );
  }
}
