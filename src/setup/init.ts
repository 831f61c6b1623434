import type { SetupConfig } from '../config/load-setup.ts';
import type { ForgeSetup, RepositoryName } from '../forges/forge-setup.ts';
import type { DeliveryWatch } from './delivery-watch.ts';
import { firstAgent, listAgents, writeFirstManifests } from './first-manifests.ts';
import type { Person } from './person.ts';
import { parsePlace } from './place.ts';
import { Progress } from './progress.ts';
import { settleAccounts, type Accounts } from './steps/account.ts';
import { prepareLabels } from './steps/labels.ts';
import { prepareOrg } from './steps/org.ts';
import { prepareRepository } from './steps/repository.ts';
import { SettingsStep } from './steps/settings.ts';
import { findAddress, prepareWebhook } from './steps/webhook.ts';

export interface InitParts {
  readonly config: SetupConfig;
  /** `owner/repo` of each; none: the person is asked. */
  readonly repositories: readonly string[];
  readonly person: Person;
  /** Aborted: it stops before the next change, and undoes what was only for a test. */
  readonly signal: AbortSignal;
  /** @throws ConfigError when the address or the token cannot be used */
  connect(apiUrl: string, token: string): ForgeSetup;
  /** @throws ConfigError when the orchestrator's port is taken by another program */
  openWatch(secret: string): Promise<DeliveryWatch>;
}

export interface InitResult {
  readonly changes: number;
  /** How much is left to do. */
  readonly left: number;
  readonly repositories: readonly string[];
  readonly agents: readonly string[];
  readonly login: string;
}

/**
 * Makes or checks all that the orchestrator needs to work for a forge. Each change is whole by itself and asked for before:
 * ended anywhere, it is run again and goes on. What is right stays untouched.
 * @throws SetupStoppedError when it cannot go on, ForgeError when the forge is away, and what `signal` is aborted with
 */
export async function initialise(parts: InitParts): Promise<InitResult> {
  const { config, person, signal, connect } = parts;
  const progress = new Progress(person, signal);
  const settings = new SettingsStep(config, progress);
  const accounts = await settleAccounts({
    config,
    progress,
    connect,
    keepToken: (token) => settings.keepToken(token),
  });
  await prepareOrg(config.org, accounts, progress);
  const agents = await prepareAgents(config.dataDirectory, progress);
  const names = await settleRepositories(parts);
  for (const name of names) {
    const repository = await prepareRepository(name, accounts, progress);
    await prepareLabels(repository, agents, accounts, progress);
  }
  const secret = await settings.keepForge(accounts);
  if (secret !== undefined) {
    await prepareWebhooks(parts, { progress, settings, accounts, names, secret });
  }
  const { changes, left } = progress;
  const repositories = names.map(({ owner, name }) => `${owner}/${name}`);
  return { changes, left, repositories, agents, login: accounts.login };
}

async function prepareAgents(dataDirectory: string, progress: Progress): Promise<string[]> {
  const agents = await listAgents(dataDirectory);
  if (agents.length > 0) {
    progress.tellRight(`Agents in ${dataDirectory}: ${agents.join(', ')}`);
    return agents;
  }
  await progress.change({
    proposal: `Write a first agent, ${firstAgent}, and its bottle into ${dataDirectory}`,
    done: `wrote the agent ${firstAgent}, a small program without a model, and its bottle`,
    byHand: `Manifests belong into ${dataDirectory}/agents and ${dataDirectory}/bottles.`,
    make: () => writeFirstManifests(dataDirectory),
  });
  return listAgents(dataDirectory);
}

async function settleRepositories({ repositories, person }: InitParts): Promise<RepositoryName[]> {
  const text =
    repositories.length > 0
      ? repositories.join(' ')
      : await person.ask({
          text: 'The repositories that agents are to work on, such as acme/rocket',
          otherwise: '--repository',
          check: (answer) =>
            repositoriesIn(answer) === undefined ? 'owner/repo is needed for each' : undefined,
        });
  return repositoriesIn(text) ?? [];
}

/** Undefined when one of them is no repository's name. */
function repositoriesIn(text: string): RepositoryName[] | undefined {
  const names = text.split(/[\s,]+/).filter((name) => name !== '');
  const places = names.map(parsePlace).filter((place) => place?.kind === 'repository');
  return names.length > 0 && places.length === names.length ? places : undefined;
}

async function prepareWebhooks(
  { config, openWatch }: InitParts,
  parts: {
    readonly progress: Progress;
    readonly settings: SettingsStep;
    readonly accounts: Accounts;
    readonly names: readonly RepositoryName[];
    readonly secret: string;
  },
): Promise<void> {
  const { progress, settings, accounts, names, secret } = parts;
  const places = names.map((name) => ({ kind: 'repository', ...name }) as const);
  await using watch = await openWatch(secret);
  const step = {
    config,
    progress,
    forge: accounts.person,
    apiUrl: accounts.apiUrl,
    secret,
    watch,
  };
  const [first] = places;
  const address =
    config.publicUrl === undefined && first !== undefined
      ? await findAddress(first, step)
      : { url: config.publicUrl ?? '', host: config.host };
  if (address === undefined || !(await settings.keepAddress(address))) {
    return;
  }
  for (const place of places) {
    await prepareWebhook(place, address.url, step);
  }
}
