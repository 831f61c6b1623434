import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ForgeDeniedError } from '../../../src/domain/errors.ts';
import type { RepositoryRef } from '../../../src/domain/issue.ts';
import { callGitea } from '../../../src/demo/gitea-client.ts';
import {
  addMember,
  createAccount,
  createOrganisation,
  createRepository,
  addWriter,
  type GiteaRepository,
} from '../../../src/demo/gitea-site.ts';
import type { Forge } from '../../../src/forges/forge.ts';
import { createGiteaForge } from '../../../src/forges/gitea/gitea-forge.ts';
import { GiteaPerson } from '../../support/gitea-person.ts';
import { startGitea, type TestGitea } from '../../support/gitea.ts';

/** What is Gitea's own, beyond the contract. */
describe('the Gitea adapter', () => {
  let gitea: TestGitea;
  let forge: Forge;

  beforeAll(async () => {
    gitea = await startGitea();
    forge = createGiteaForge({ apiUrl: gitea.apiUrl, token: gitea.bot.token });
  });
  afterAll(() => gitea.stop());

  function refOf({ id, owner, name }: GiteaRepository): RepositoryRef {
    return { forgeHost: gitea.host, id, owner, name };
  }

  test('is known by the host of its API, or by the name people know', async () => {
    const { owner, name } = await gitea.createRepository();
    const { apiUrl, bot } = gitea;
    const renamed = createGiteaForge({
      apiUrl: `${apiUrl}/`,
      token: bot.token,
      host: 'git.example:8443',
    });

    expect(forge.host).toBe(gitea.host);
    expect((await renamed.readRepository(owner, name)).ref.forgeHost).toBe('git.example:8443');
  });

  test('shows no review that was begun and not submitted, not even its own', async () => {
    const repository = await gitea.createRepository();
    const alice = new GiteaPerson(gitea.alice, repository);
    await alice.push('topic', 'src/one.txt');
    const number = await alice.openPullRequest({ title: 'Topic', head: 'topic' });

    await new GiteaPerson(gitea.bot, repository).draftReview(number, {
      body: 'So far',
      inline: [{ path: 'src/one.txt', line: 1, body: 'Hm.' }],
    });

    expect(await forge.listComments(refOf(repository), number)).toEqual([]);
  });

  test('knows who may write to a repository of a person', async () => {
    const made = await callGitea(gitea.mallory, 'POST', '/user/repos', {
      name: 'hers',
      auto_init: true,
    });
    const repository = {
      ...(made as { id: number }),
      owner: 'mallory',
      name: 'hers',
      cloneUrl: '',
    };
    await addWriter(gitea.mallory, repository, 'alice');

    expect(await forge.canWrite(refOf(repository), 'mallory')).toBe(true);
    expect(await forge.canWrite(refOf(repository), 'Alice')).toBe(true);
    expect(await forge.canWrite(refOf(repository), 'bot')).toBe(false);
  });

  test("uses a label of the organisation, and makes one in a person's repository", async () => {
    const label = {
      name: 'bottle/running',
      colour: '#2d7d9a',
      description: 'An agent works on it',
      exclusive: true,
    } as const;
    await createOrganisation(gitea.alice, 'labelled');
    const ofOrg = await createRepository(gitea.alice, 'labelled', 'widgets');
    await addWriter(gitea.alice, ofOrg, 'bot');
    await callGitea(gitea.alice, 'POST', '/orgs/labelled/labels', {
      name: label.name,
      color: '#000000',
    });
    const made = await callGitea(gitea.alice, 'POST', '/user/repos', { name: 'hers' });
    const ofPerson = { ...(made as { id: number }), owner: 'alice', name: 'hers', cloneUrl: '' };
    await addWriter(gitea.alice, ofPerson, 'bot');

    for (const [repository, labels] of [
      [ofOrg, []],
      [ofPerson, [label]],
    ] as const) {
      const alice = new GiteaPerson(gitea.alice, repository);
      const number = await alice.openIssue({ title: 'Work' });
      await forge.replaceLabel(refOf(repository), number, 'bottle/', label);
      expect((await forge.readIssue(refOf(repository), number)).labels).toEqual([label.name]);
      expect(await alice.labels()).toEqual(labels);
      await forge.replaceLabel(refOf(repository), number, 'bottle/', undefined);
      expect((await forge.readIssue(refOf(repository), number)).labels).toEqual([]);
    }
  });

  describe('in an organisation with a team that only reads', () => {
    let ref: RepositoryRef;

    beforeAll(async () => {
      await createOrganisation(gitea.alice, 'readers');
      await createAccount({ url: gitea.url, token: gitea.adminToken }, 'rita');
      await addMember(gitea.alice, 'readers', 'rita');
      const repository = await createRepository(gitea.alice, 'readers', 'widgets');
      await callGitea(gitea.alice, 'PUT', `/repos/readers/widgets/teams/members`);
      await addWriter(gitea.alice, repository, 'bot');
      ref = refOf(repository);
    });

    test('says that it cannot tell its members from writers, and what to do', async () => {
      await expect(forge.canWrite(ref, 'rita')).rejects.toThrow(ForgeDeniedError);
      await expect(forge.canWrite(ref, 'rita')).rejects.toThrow(/administrator/);
      expect(await forge.canWrite(ref, 'mallory')).toBe(false);
      expect(await forge.canWrite(ref, 'bot')).toBe(true);
    });

    test('can tell as an administrator of the repository', async () => {
      const path = '/repos/readers/widgets/collaborators/bot';
      await callGitea(gitea.alice, 'PUT', path, { permission: 'admin' });

      expect(await forge.canWrite(ref, 'rita')).toBe(false);
      expect(await forge.canWrite(ref, 'alice')).toBe(true);
    });
  });

  test('is denied with a token that is wrong or lacks a scope, and does not tell the token', async () => {
    const { apiUrl, url, adminToken } = gitea;
    const narrow = await createAccount({ url, token: adminToken }, 'narrow', ['read:user']);
    const wrongToken = '0123456789abcdef0123456789abcdef01234567';

    const wrong = createGiteaForge({ apiUrl, token: wrongToken });
    await expect(wrong.whoAmI()).rejects.toThrow(ForgeDeniedError);
    await expect(wrong.whoAmI()).rejects.not.toThrow(wrongToken);

    const scoped = createGiteaForge({ apiUrl, token: narrow.token });
    expect(await scoped.whoAmI()).toBe('narrow');
    await expect(scoped.isOrgMember(gitea.org, 'alice')).rejects.toThrow(/read:organization/);
  });
});
