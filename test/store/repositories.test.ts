import { describe, expect, test } from 'vitest';
import { freshStore, widgets } from './fresh-store.ts';

test('what is said once for a repository is known to be said', async () => {
  const { repositories } = await freshStore();
  expect(await repositories.wasTold(1, 'this')).toBe(false);
  await repositories.markTold(1, 'this');
  await repositories.markTold(1, 'this');
  expect(await repositories.wasTold(1, 'this')).toBe(true);
  expect(await repositories.wasTold(1, 'that')).toBe(false);
  expect(await repositories.wasTold(2, 'this')).toBe(false);
});

describe('repositories', () => {
  test('keep the name they were first seen under', async () => {
    const { repositories } = await freshStore();
    expect(await repositories.see(widgets)).toEqual({ firstSeen: widgets, current: widgets });
    const renamed = { ...widgets, owner: 'newco', name: 'gadgets' };
    const names = { firstSeen: widgets, current: renamed };
    expect(await repositories.see(renamed)).toEqual(names);
    expect(await repositories.see(renamed)).toEqual(names);
    expect(await repositories.byId('gitea.example', 1)).toEqual(names);
  });

  test('are found by the present name and by the first one, in any letter case', async () => {
    const { repositories } = await freshStore();
    await repositories.see(widgets);
    const { current } = await repositories.see({ ...widgets, name: 'gadgets' });
    expect(await repositories.byName('ACME', 'Gadgets')).toEqual({ firstSeen: widgets, current });
    expect(await repositories.byName('acme', 'widgets')).toEqual({ firstSeen: widgets, current });
    expect(await repositories.byName('acme', 'nothing')).toBeUndefined();
    expect(await repositories.byId('gitea.example', 2)).toBeUndefined();
    expect(await repositories.byId('other.example', 1)).toBeUndefined();
  });

  test('that take over the name of an earlier one never share its first-seen name', async () => {
    const { repositories } = await freshStore();
    await repositories.see(widgets);
    const again = { ...widgets, id: 9 };
    const { firstSeen, current } = await repositories.see(again);
    expect(current).toEqual(again);
    expect(firstSeen).toEqual({ ...again, name: 'widgets~2' });
    expect((await repositories.see({ ...widgets, id: 10 })).firstSeen.name).toBe('widgets~3');
    expect((await repositories.see(again)).firstSeen).toEqual(firstSeen);
  });
});
