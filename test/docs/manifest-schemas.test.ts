import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { manifestSchemas } from '../../tools/manifest-schemas.ts';

const directory = join(import.meta.dirname, '../../docs/schema');

describe('docs/schema', () => {
  test.each(Object.entries(manifestSchemas()))(
    '%s is what the code reads: `npm run schemas` writes it',
    async (file, schema) => {
      const written = JSON.parse(await readFile(join(directory, file), 'utf8'));
      expect(written).toEqual(JSON.parse(JSON.stringify(schema)));
    },
  );

  test('has no others', async () => {
    expect((await readdir(directory)).toSorted()).toEqual(Object.keys(manifestSchemas()));
  });
});
