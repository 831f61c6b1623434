import { lstat, mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { DemoCommand } from './demo-language.ts';

/** An edit that cannot be made. The message says why, to a person. */
export class EditRefusedError extends Error {
  override readonly name = 'EditRefusedError';
}

export type DemoEdit = Extract<DemoCommand, { readonly file: string }>;

/**
 * Makes one edit in a working copy and says what was done.
 * @throws EditRefusedError when it cannot be made; then nothing was changed
 */
export async function makeEdit(root: string, edit: DemoEdit): Promise<string> {
  const path = await resolveInside(root, edit.file);
  const before = await read(path);
  const name = quoted(edit.file);
  switch (edit.kind) {
    case 'append': {
      const start = before === undefined || before === '' || before.endsWith('\n') ? '' : '\n';
      await write(path, `${before ?? ''}${start}${edit.text}\n`);
      return `appended ${quoted(edit.text)} to ${name}`;
    }
    case 'create': {
      const text = edit.text === '' || edit.text.endsWith('\n') ? edit.text : `${edit.text}\n`;
      if (before !== undefined && before !== text) {
        throw new EditRefusedError(`${name} is there already: append to it, or delete it first`);
      }
      await write(path, text);
      return `created ${name}`;
    }
    case 'replace': {
      if (before === undefined) {
        throw new EditRefusedError(`there is no file ${name}`);
      }
      const parts = before.split(edit.from);
      if (edit.from === '' || parts.length === 1) {
        throw new EditRefusedError(`${quoted(edit.from)} is not in ${name}`);
      }
      await write(path, parts.join(edit.to));
      return `replaced ${quoted(edit.from)} with ${quoted(edit.to)} in ${name} (${parts.length - 1}×)`;
    }
    case 'delete':
      if (before === undefined) {
        throw new EditRefusedError(`there is no file ${name}`);
      }
      await rm(path);
      return `deleted ${name}`;
  }
}

/** A text as inline code, in one line, whatever it holds. */
export function quoted(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  const short = line.length > 80 ? `${line.slice(0, 79).toWellFormed()}…` : line;
  const ticks = '`'.repeat(
    Math.max(0, ...[...short.matchAll(/`+/g)].map((run) => run[0].length)) + 1,
  );
  const space = ticks.length > 1 || short === '' ? ' ' : '';
  return `${ticks}${space}${short}${space}${ticks}`;
}

/** Where a file lies, when that is in the working copy whatever links there are. */
async function resolveInside(root: string, file: string): Promise<string> {
  const parts = file.split('/');
  const outside = new EditRefusedError(`${quoted(file)} is not a file of the working copy`);
  if (
    parts.some((part) => part === '' || part === '.' || part === '..' || /^\.git$/i.test(part)) ||
    parts.some((part) => Buffer.byteLength(part) > 255) ||
    /\p{Cc}/u.test(file)
  ) {
    throw outside;
  }
  const path = join(root, file);
  const realRoot = await realpath(root);
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    const real = await realpath(parent).catch(() => undefined);
    if (real !== undefined) {
      const away = relative(realRoot, real);
      if (away === '..' || away.startsWith(`..${sep}`) || away.split(sep)[0] === '.git') {
        throw outside;
      }
      break;
    }
  }
  return path;
}

async function read(path: string): Promise<string | undefined> {
  const info = await lstat(path).catch(() => undefined);
  if (info !== undefined && !info.isFile()) {
    throw new EditRefusedError(
      `${quoted(path.slice(path.lastIndexOf('/') + 1))} is not a plain file`,
    );
  }
  return info === undefined ? undefined : readFile(path, 'utf8');
}

async function write(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  } catch (error) {
    throw new EditRefusedError(`it cannot be written: ${(error as Error).message}`);
  }
}
