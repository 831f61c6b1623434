import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { settingsFileSchema } from '../config/settings-schema.ts';

/** Beside the settings file, so that editors find it, of the version that wrote it. */
const schemaFile = 'orchestrator.schema.json';
const schemaLine = `#:schema ./${schemaFile}`;

/** Text of an absent file. */
const fresh = `${schemaLine}\n# Settings of the orchestrator; the environment is stronger. Secrets lie in files of their own.\n\n`;

/** Sets keys of a settings file and leaves everything else in it as it is, comments too. */
export function withSettings(
  text: string | undefined,
  values: Readonly<Record<string, string>>,
): string {
  const start = text ?? fresh;
  return Object.entries(values).reduce(
    (before, [key, value]) => setKey(before, key, value),
    start.startsWith('#:schema') ? start : `${schemaLine}\n${start}`,
  );
}

/** Makes or changes `orchestrator.toml`, and the schema beside it. */
export async function writeSettings(
  path: string,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  await writeSchema(path);
  await writePrivate(path, withSettings(await readText(path), values));
}

/** Readable by its owner alone. Whole or absent, whatever ends the process. */
export async function writePrivate(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

async function writeSchema(settingsFile: string): Promise<void> {
  const path = join(dirname(settingsFile), schemaFile);
  const text = `${JSON.stringify(settingsFileSchema(), undefined, 2)}\n`;
  if ((await readText(path)) !== text) {
    await writePrivate(path, text);
  }
}

/** A key of the top level: tables, if there are any, come after it. */
function setKey(text: string, key: string, value: string): string {
  const line = `${key} = ${JSON.stringify(value)}`;
  const firstTable = text.search(/^[ \t]*\[/m);
  const end = firstTable === -1 ? text.length : firstTable;
  const [top, tables] = [text.slice(0, end), text.slice(end)];
  const present = new RegExp(
    `^[ \\t]*${key}[ \\t]*=[ \\t]*("(?:[^"\\\\]|\\\\.)*"|'[^']*'|[^#\\n]*?)[ \\t]*(#.*)?$`,
    'm',
  );
  const [whole, written = ''] = present.exec(top) ?? [];
  if (whole !== undefined) {
    return unquoted(written) === value ? text : top.replace(present, () => line) + tables;
  }
  const gap = top === '' || top.endsWith('\n') ? '' : '\n';
  return tables === ''
    ? `${top}${gap}${line}\n`
    : `${top.replace(/\n+$/, '\n')}${gap}${line}\n\n${tables}`;
}

function unquoted(written: string): string {
  if (written.startsWith("'")) return written.slice(1, -1);
  return written.startsWith('"') ? String(JSON.parse(written)) : written.trim();
}

/** Undefined when there is no such file. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
