import { callGitea } from '../../src/demo/gitea-client.ts';
import type { GiteaRepository } from '../../src/demo/gitea-site.ts';
import { createGiteaForge } from '../../src/forges/gitea/gitea-forge.ts';
import {
  type ContractRepository,
  describeForgeContract,
  type ForgeWorld,
} from '../contracts/forge.ts';
import { GiteaPerson } from '../support/gitea-person.ts';
import { startGitea } from '../support/gitea.ts';

/** Fewer than are asked for, as a site may have it, and few enough to fill some pages. */
const pageSize = 10;

async function giteaWorld(): Promise<ForgeWorld> {
  const gitea = await startGitea({ pageSize });
  const { alice, apiUrl, bot, host, mallory } = gitea;
  const accounts = { alice, bot, mallory };

  function contractRepository(repository: GiteaRepository): ContractRepository {
    const { id, owner, name } = repository;
    const path = `/repos/${owner}/${name}`;
    return {
      ref: { forgeHost: host, id, owner, name },
      as: (login) => new GiteaPerson(accounts[login], repository),
      async grantReading() {
        await callGitea(alice, 'PUT', `${path}/collaborators/mallory`, { permission: 'read' });
      },
      async rename(newName) {
        await callGitea(alice, 'PATCH', path, { name: newName });
      },
      async createAnother(anotherName) {
        const another = await gitea.createRepository();
        await callGitea(alice, 'PATCH', `/repos/${owner}/${another.name}`, { name: anotherName });
        return contractRepository({ ...another, name: anotherName });
      },
      async archive() {
        await callGitea(alice, 'PATCH', path, { archived: true });
      },
      async deleteFork(fork) {
        await callGitea(mallory, 'DELETE', `/repos/${fork.owner}/${fork.name}`);
      },
    };
  }

  return {
    forge: createGiteaForge({ apiUrl, token: bot.token }),
    outsiderForge: createGiteaForge({ apiUrl, token: mallory.token }),
    org: gitea.org,
    pageSize,
    createRepository: async () => contractRepository(await gitea.createRepository()),
    stop: () => gitea.stop(),
  };
}

describeForgeContract('gitea', giteaWorld);
