import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { expect, onTestFinished, test } from 'vitest';
import { settingsFileSchema } from '../../src/config/settings-schema.ts';
import { withSettings, writeSettings } from '../../src/setup/settings-file.ts';

const schemaLine = '#:schema ./orchestrator.schema.json\n';

test('a new file names its schema and holds the keys', () => {
  const text = withSettings(undefined, { forge_org: 'crew', public_url: 'http://x' });

  expect(text.startsWith(schemaLine)).toBe(true);
  expect(parse(text)).toEqual({ forge_org: 'crew', public_url: 'http://x' });
});

test('a file that has it all stays as it is, to the byte', () => {
  const text = `${schemaLine}# mine\nforge_org='crew'   # who\n  port = 1\n\n[llm_routes.x]\nforge_org = 2\n`;

  expect(withSettings(text, { forge_org: 'crew', port: '1' })).toBe(text);
});

test('a key is changed where it stands, and comments and tables stay', () => {
  const text = '# mine\nforge_org = "old"\nmax_bottles = 3\n\n[llm_routes.x]\nauth = "none"\n';

  const changed = withSettings(text, { forge_org: 'a "b" \\ c', public_url: 'http://x' });

  expect(changed).toBe(
    `${schemaLine}# mine\nforge_org = "a \\"b\\" \\\\ c"\nmax_bottles = 3\npublic_url = "http://x"\n\n[llm_routes.x]\nauth = "none"\n`,
  );
  expect(parse(changed)).toEqual({
    forge_org: 'a "b" \\ c',
    max_bottles: 3,
    public_url: 'http://x',
    llm_routes: { x: { auth: 'none' } },
  });
});

test('a file that ends in a table alone, or without a line break, takes keys too', () => {
  for (const text of ['[llm_routes.x]\nauth = "none"', 'max_bottles = 3']) {
    expect(parse(withSettings(text, { forge_org: 'crew' }))).toEqual({
      ...parse(text),
      forge_org: 'crew',
    });
  }
});

test('it is private, with its schema beside it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'settings-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, 'orchestrator.toml');
  await writeFile(path, 'max_bottles = 3\n', { mode: 0o644 });

  await writeSettings(path, { forge_org: 'crew' });

  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(parse(await readFile(path, 'utf8'))).toEqual({ max_bottles: 3, forge_org: 'crew' });
  const schema = JSON.parse(await readFile(join(directory, 'orchestrator.schema.json'), 'utf8'));
  expect(schema).toEqual(JSON.parse(JSON.stringify(settingsFileSchema())));
});
