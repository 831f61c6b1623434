import { describe, expect, test } from 'vitest';
import { ForgeUnavailableError } from '../../src/domain/errors.ts';
import { MemoryForge } from '../../src/forges/memory/memory-forge.ts';
import { MemorySite } from '../../src/forges/memory/memory-site.ts';
import {
  type ContractRepository,
  type ForgeWorld,
  describeForgeContract,
} from '../contracts/forge.ts';

function memoryWorld(): Promise<ForgeWorld> {
  const site = new MemorySite();
  site.addOrg('bot-bottle', 'alice', 'bot');
  let repositories = 0;
  function createRepository(name: string): ContractRepository {
    const ref = site.addRepository('acme', name);
    site.grant(ref, 'alice', 'admin');
    site.grant(ref, 'bot', 'write');
    return {
      ref,
      as: (login) => site.person(login, ref),
      grantReading: () => site.grant(ref, 'mallory', 'read'),
      rename: (newName) => site.rename(ref, newName),
      createAnother: createRepository,
      archive: () => site.archive(ref),
      deleteFork: (fork) => site.deleteRepository(fork),
    };
  }
  return Promise.resolve({
    forge: new MemoryForge(site, 'bot'),
    outsiderForge: new MemoryForge(site, 'mallory'),
    org: 'bot-bottle',
    pageSize: 10,
    createRepository: () => Promise.resolve(createRepository(`widgets-${++repositories}`)),
    stop: () => Promise.resolve(),
  });
}

describeForgeContract('memory', memoryWorld);

describe('a fault in the memory forge', () => {
  const lost = new ForgeUnavailableError('the line is dead');

  function seed() {
    const site = new MemorySite();
    const ref = site.addRepository('acme', 'widgets');
    const alice = site.person('alice', ref);
    return { forge: new MemoryForge(site, 'bot'), ref, number: alice.openIssue({ title: 'Talk' }) };
  }

  test('before the effect leaves nothing behind, once', async () => {
    const { forge, ref, number } = seed();
    forge.failNext('createComment', lost);

    await expect(forge.createComment(ref, number, 'hello')).rejects.toBe(lost);
    expect(await forge.listComments(ref, number)).toEqual([]);
    expect(await forge.createComment(ref, number, 'hello')).toMatchObject({ body: 'hello' });
  });

  test('after the effect loses the answer only', async () => {
    const { forge, ref, number } = seed();
    forge.failNext('createComment', lost, 'after');

    await expect(forge.createComment(ref, number, 'hello')).rejects.toBe(lost);
    expect(await forge.listComments(ref, number)).toMatchObject([{ body: 'hello' }]);
  });

  test('of one method does not touch the others, and several wait in line', async () => {
    const { forge, ref, number } = seed();
    forge.failNext('readIssue', lost);
    forge.failNext('readIssue', lost);

    expect(await forge.whoAmI()).toBe('bot');
    await expect(forge.readIssue(ref, number)).rejects.toBe(lost);
    await expect(forge.readIssue(ref, number)).rejects.toBe(lost);
    expect(await forge.readIssue(ref, number)).toMatchObject({ title: 'Talk' });
  });
});
