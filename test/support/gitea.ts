import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GiteaServer, startGiteaServer } from '../../src/demo/gitea-server.ts';
import {
  addMember,
  addWriter,
  createAccount,
  createLabel,
  createOrganisation,
  createRepository,
  createWebhook,
  type GiteaAccount,
  type GiteaRepository,
  type GiteaWebhook,
} from '../../src/demo/gitea-site.ts';
import { ensureGitea } from '../../tools/gitea.ts';

/** The scopes that the documentation asks for: tests fail when the product comes to need more. */
const botScopes = ['write:issue', 'write:repository', 'read:organization', 'read:user'];
const owner = 'acme';

/** A throw-away Gitea with people on it. */
export interface TestGitea {
  readonly server: GiteaServer;
  /** Without a slash at the end. */
  readonly url: string;
  /** What `FORGE_GITEA_API` would say. */
  readonly apiUrl: string;
  /** As in `RepositoryRef.forgeHost`. */
  readonly host: string;
  readonly adminToken: string;
  /** The orchestrator's account: a member of `org`, a writer of every repository made here, with no scope to spare. */
  readonly bot: GiteaAccount;
  /** A person: a member of `org`, and an owner of the organisation that the repositories belong to. */
  readonly alice: GiteaAccount;
  /** An outsider. */
  readonly mallory: GiteaAccount;
  /** `FORGE_ORG`. */
  readonly org: 'bot-bottle';
  /**
   * A fresh public repository with a README on `main` and the label `bot-bottle:demo`.
   * @param options `name` is made up unless given
   */
  createRepository(options?: { name?: string; webhook?: GiteaWebhook }): Promise<GiteaRepository>;
  /** Ends it and removes all of its files. */
  stop(): Promise<void>;
}

export interface TestGiteaOptions {
  /** The most items that a listing gives at once; Gitea's own default is 50. */
  readonly pageSize?: number;
}

/** Takes about 3 s: once per test file, in `beforeAll`, with `stop` in `afterAll`. */
export async function startGitea({ pageSize }: TestGiteaOptions = {}): Promise<TestGitea> {
  const program = await ensureGitea((line) => process.stderr.write(`${line}\n`));
  const directory = await mkdtemp(join(tmpdir(), 'gitea-'));
  let server = await startGiteaServer({ program, directory });
  if (pageSize !== undefined) {
    await server.stop();
    await appendFile(
      join(directory, 'data', 'app.ini'),
      `\n[api]\nMAX_RESPONSE_ITEMS = ${pageSize}\n`,
    );
    server = await startGiteaServer({ program, directory });
  }
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    return { ...(await provision(server)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function provision(server: GiteaServer): Promise<Omit<TestGitea, 'stop'>> {
  const { url, adminToken } = server;
  const admin = { url, token: adminToken };
  const [bot, alice, mallory] = [
    await createAccount(admin, 'bot', botScopes),
    await createAccount(admin, 'alice'),
    await createAccount(admin, 'mallory'),
  ];
  const org = 'bot-bottle';
  await createOrganisation(admin, org);
  await addMember(admin, org, bot.name);
  await addMember(admin, org, alice.name);
  await createOrganisation(alice, owner);
  let repositories = 0;
  return {
    server,
    url,
    apiUrl: `${url}/api/v1`,
    host: new URL(url).host,
    adminToken,
    bot,
    alice,
    mallory,
    org,
    async createRepository({ name = `widgets-${++repositories}`, webhook } = {}) {
      const repository = await createRepository(alice, owner, name);
      await addWriter(alice, repository, bot.name);
      await createLabel(alice, repository, 'bot-bottle:demo');
      if (webhook) {
        await createWebhook(alice, repository, webhook);
      }
      return repository;
    },
  };
}
