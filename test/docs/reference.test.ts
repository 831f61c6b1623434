import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { outcomeView, phaseView } from '../../src/api/views/phase.ts';
import { settings, type Setting } from '../../src/config/schema.ts';
import { statusOfPhase } from '../../src/domain/run.ts';

const root = join(import.meta.dirname, '../..');

describe('the README', () => {
  test('names settings that there are, with what they are unless given', async () => {
    const rows = tableBelow(await read('README.md'), ['setting', 'unless given', 'meaning']);
    const known = Object.values(settings).flatMap((setting: Setting) => {
      const unlessGiven = setting.default === undefined ? '-' : `\`${setting.default}\``;
      return [`${setting.variable}=${unlessGiven}`, `${setting.variable}_FILE=${unlessGiven}`];
    });
    const named = rows.flatMap(([names = '', unlessGiven]) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name]) => `${name}=${unlessGiven}`),
    );
    expect(named).not.toEqual([]);
    expect(named.filter((one) => !known.includes(one))).toEqual([]);
  });

  test('explains every phase', async () => {
    const rows = tableBelow(await read('README.md'), ['phase', 'what it means']);
    expect(rows.map(([phase]) => phase)).toEqual(phaseView.options.map((phase) => `\`${phase}\``));
  });
});

describe('docs/reference/phases.md', () => {
  test('explains every phase, and has its status', async () => {
    const rows = tableBelow(await read('docs/reference/phases.md'), [
      'phase',
      'status',
      'what it means',
    ]);
    expect(rows.map(([phase, status]) => [phase, status])).toEqual(
      phaseView.options.map((phase) => {
        const status = statusOfPhase(phase);
        return [`\`${phase}\``, status === undefined ? '-' : `\`${status}\``];
      }),
    );
  });

  test('explains every outcome', async () => {
    const rows = tableBelow(await read('docs/reference/phases.md'), ['outcome', 'what it means']);
    expect(rows.map(([outcome]) => outcome)).toEqual(
      outcomeView.options.map((outcome) => `\`${outcome}\``),
    );
  });
});

describe('docs/architecture.md', () => {
  test('has the import table that lint enforces', async () => {
    const rows = tableBelow(await read('docs/architecture.md'), [
      'folder',
      'holds',
      'imports of `src/`',
    ]);
    const written = rows.map(([folder = '', , imports = '']) => [
      folder.replaceAll('`', '').replace('src/', ''),
      imports.split(', ').toSorted(),
    ]);
    expect(Object.fromEntries(written)).toEqual(await importsAllowedByLint());
  });

  test('has a row for every folder of src', async () => {
    const entries = await readdir(join(root, 'src'), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect(Object.keys(await importsAllowedByLint()).toSorted()).toEqual(folders.toSorted());
  });
});

describe('every page', async () => {
  for (const page of await pages()) {
    test(`${page} links to what is there`, async () => {
      const broken: string[] = [];
      for (const [, target = ''] of (await read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? page : join(dirname(page), path);
        if (/^[a-z]+:/.test(target)) {
          continue;
        }
        if (
          !existsSync(join(root, file)) ||
          (anchor !== undefined && !anchorsOf(await read(file)).has(anchor))
        ) {
          broken.push(target);
        }
      }
      expect(broken).toEqual([]);
    });
  }
});

async function pages(): Promise<string[]> {
  const docs = await readdir(join(root, 'docs'), { recursive: true });
  return [
    'README.md',
    'CONTRIBUTING.md',
    ...docs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name)),
  ];
}

function read(page: string): Promise<string> {
  return readFile(join(root, page), 'utf8');
}

/** The cells of the table with this header. */
function tableBelow(text: string, header: readonly string[]): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex(
    (line) => line.startsWith('|') && String(cellsOf(line)) === String(header),
  );
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return start === -1 ? [] : lines.slice(start + 2, end).map(cellsOf);
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** As forges make them of headings. */
function anchorsOf(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

interface LintRule {
  readonly group: readonly string[];
  readonly allowTypeImports?: boolean;
}

/** Folder → what it may import of the other folders; the table calls an import of nothing `nothing`. */
async function importsAllowedByLint(): Promise<Record<string, string[]>> {
  const { overrides } = JSON.parse(await read('.oxlintrc.json')) as {
    overrides: {
      files: string[];
      rules: { 'no-restricted-imports'?: [string, { patterns: LintRule[] }] };
    }[];
  };
  const restricted = overrides.flatMap(({ files: [file = ''], rules }) => {
    const folder = /^src\/([\w-]+)\/\*\*$/.exec(file)?.[1];
    const patterns = rules['no-restricted-imports']?.[1].patterns;
    return folder === undefined || patterns === undefined ? [] : [{ folder, patterns }];
  });
  const folders = restricted.map(({ folder }) => folder);
  return Object.fromEntries(
    restricted.map(({ folder, patterns }) => {
      const rule = (other: string): LintRule | undefined =>
        patterns.find(({ group }) => group.includes(`**/${other}/**`));
      const allowed = folders
        .filter((other) => other !== folder)
        .flatMap((other) => {
          const found = rule(other);
          if (found === undefined) {
            return [other];
          }
          return found.allowTypeImports === true ? [`${other} (types)`] : [];
        });
      return [folder, (allowed.length === 0 ? ['nothing'] : allowed).toSorted()];
    }),
  );
}
