import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openApiDocument } from '../../tools/openapi.ts';

test('docs/openapi.json is what the server says: `npm run schemas` writes it', async () => {
  const file = join(import.meta.dirname, '../../docs/openapi.json');
  const document = JSON.parse(JSON.stringify(await openApiDocument()));
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(document);
});
