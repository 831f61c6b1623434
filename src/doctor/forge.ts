import {
  ForgeDeniedError,
  ForgeError,
  ForgeMovedError,
  ForgeUnavailableError,
} from '../domain/errors.ts';
import type { Account, ForgeSetup } from '../forges/forge-setup.ts';
import { fail, pass, warn, type Check, type Finding } from './check.ts';
import { isOlder } from './version.ts';

/** Scopes of tokens are named as they are since then. */
const oldestGitea = '1.20';
const triedGitea = '1.26';
/** Whoever signs in this often is hardly a program's account. */
const recentlyMs = 7 * 86_400_000;

/** The forge as those see it whose tokens there are. */
export interface ForgeAccess {
  readonly apiUrl: string;
  readonly org: string;
  /** With the orchestrator's own token. */
  readonly own: ForgeSetup;
  /** With the token of a person who may change more, if one is given. */
  readonly person: ForgeSetup | undefined;
}

export interface ForgeChecks {
  readonly forge: Check;
  /** The token is good for all that the orchestrator asks. */
  readonly scopes: Check;
  /** Those by which others see the forge: the orchestrator's, and the person's if it is given. */
  readonly tokens: readonly Check[];
  readonly all: readonly Check[];
}

/** Address, token, account and org. */
export function forgeChecks(access: ForgeAccess): ForgeChecks {
  const { own, person } = access;
  const forge: Check = { name: 'forge', run: () => examineSite(access) };
  const token: Check = { name: 'forge token', needs: [forge], run: () => examineToken(own) };
  const scopes: Check = { name: 'token scopes', needs: [token], run: () => examineScopes(own) };
  const account: Check = {
    name: 'account',
    needs: [scopes],
    run: async () => examineAccount(await own.readAccount()),
  };
  const org: Check = { name: 'org', needs: [scopes], run: () => examineOrg(access) };
  const membership: Check = {
    name: 'membership',
    needs: [org],
    run: () => examineMembership(access),
  };
  const setupToken = person && {
    name: 'setup token',
    needs: [forge],
    run: () => examineSetupToken(person),
  };
  const further = setupToken === undefined ? [] : [setupToken];
  return {
    forge,
    scopes,
    tokens: [scopes, ...further],
    all: [forge, token, scopes, ...further, account, org, membership],
  };
}

async function examineSite({ own, apiUrl }: ForgeAccess): Promise<Finding[]> {
  try {
    const { version } = await own.readSite();
    const seen = `Gitea ${version} at ${apiUrl}`;
    if (isOlder(version, oldestGitea)) {
      return [
        fail(seen, `Upgrade Gitea: ${oldestGitea} or newer is needed, ${triedGitea} was tried.`),
      ];
    }
    return [
      isOlder(version, triedGitea)
        ? warn(seen, `It may work. Gitea ${triedGitea} is what was tried.`)
        : pass(seen),
    ];
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    // It answers as a forge does. What it thinks of the token, the next check says.
    if (error instanceof ForgeDeniedError) return [pass(`a Gitea answers at ${apiUrl}`)];
    return [explainAbsence(error, apiUrl)];
  }
}

function explainAbsence(error: ForgeError, apiUrl: string): Finding {
  if (error instanceof ForgeMovedError) {
    return fail(error.message, 'Correct FORGE_GITEA_API to the address where it answers.');
  }
  if (error instanceof ForgeUnavailableError && error.status === undefined) {
    return fail(
      `no forge answers at ${apiUrl}: ${error.message}`,
      'Start it, or correct FORGE_GITEA_API. The address must be one that this machine reaches: try it with curl.',
    );
  }
  return fail(
    `what answers at ${apiUrl} is not Gitea's API, or is out of order: ${error.message}`,
    "Correct FORGE_GITEA_API: it is the address of Gitea's page with /api/v1 behind it. Else look into the log of Gitea, and of a proxy before it.",
  );
}

async function examineToken(own: ForgeSetup): Promise<Finding[]> {
  try {
    await own.readAccount();
    return [pass('the forge knows it')];
  } catch (error) {
    if (!(error instanceof ForgeDeniedError)) throw error;
    return error.status === 401
      ? [
          fail(
            `the forge does not know it: ${error.message}`,
            "It was removed, or is of another forge. Make another as the orchestrator's account (Settings › Applications on Gitea), put it where FORGE_TOKEN comes from, and start the orchestrator again.",
          ),
        ]
      : // Without `read:user`, which the next check says.
        [pass('the forge knows it')];
  }
}

async function examineSetupToken(person: ForgeSetup): Promise<Finding[]> {
  try {
    const { login } = await person.readAccount();
    return [pass(`it is ${login}'s; nothing keeps it`)];
  } catch (error) {
    if (!(error instanceof ForgeDeniedError)) throw error;
    return [
      fail(
        `the token of a person cannot be used: ${error.message}`,
        'Give FORGE_SETUP_TOKEN another, with all permissions, or none.',
      ),
    ];
  }
}

async function examineScopes(own: ForgeSetup): Promise<Finding[]> {
  const scopes = await own.probeScopes();
  const missing = scopes.filter(({ granted }) => !granted);
  return missing.length === 0
    ? [pass(scopes.map(({ scope }) => scope).join(', '))]
    : missing.map(({ scope, neededFor }) =>
        fail(
          `the token lacks ${scope}, which is for: ${neededFor}`,
          `A token cannot be given more. Make another with ${scopes.map((one) => one.scope).join(', ')} (Settings › Applications on Gitea), put it where FORGE_TOKEN comes from, and start the orchestrator again.`,
        ),
      );
}

function examineAccount({ login, isAdministrator, lastSignIn }: Account): Finding[] {
  const separate =
    'Give the orchestrator an account of its own, with access to what agents may see and nothing else: `orchestrator init` makes one.';
  if (isAdministrator) {
    return [warn(`${login} administrates the whole forge, which no agent's work needs`, separate)];
  }
  if (lastSignIn !== undefined && Date.now() - lastSignIn.getTime() < recentlyMs) {
    return [
      warn(
        `somebody signed in as ${login} on ${lastSignIn.toISOString().slice(0, 10)}: if it is a person's own account, agents comment and commit in that person's name`,
        `${separate} If it is the orchestrator's own and you only made its token, this warning goes away in a week.`,
      ),
    ];
  }
  return [pass(`${login}, who is not used by a person`)];
}

async function examineOrg({ own, person, org }: ForgeAccess): Promise<Finding[]> {
  if (await own.orgExists(org)) return [pass(`${org} is there`)];
  if (person !== undefined && (await person.orgExists(org))) {
    return [
      fail(
        `${org} is hidden from the orchestrator's account`,
        `Make the account a member of ${org}: on its page, Teams › a team › add.`,
        async () => person.addOrgMember(org, (await own.readAccount()).login),
      ),
    ];
  }
  return [
    fail(
      `there is no org ${org}, or it is hidden from the orchestrator's account`,
      `Make it with the account as a member (\`orchestrator init\` does both), or name another with FORGE_ORG.`,
    ),
  ];
}

async function examineMembership({ own, person, org }: ForgeAccess): Promise<Finding[]> {
  const { login } = await own.readAccount();
  if (await own.isOrgMember(org, login)) return [pass(`${login} is a member of ${org}`)];
  return [
    fail(
      `${login} is not a member of ${org}: only members can ask who else is one`,
      `Add the account: on the page of ${org}, Teams › a team › add.`,
      person && (() => person.addOrgMember(org, login)),
    ),
  ];
}
