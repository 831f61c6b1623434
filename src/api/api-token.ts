import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigError } from '../domain/errors.ts';

/**
 * The token of the API: read from its file, which is made (mode 0600, 32 random bytes) when it is missing. Whoever
 * calls this at the same time gets the same token; killed at any point, the file is whole or absent.
 * @throws ConfigError when others can read the file, or its content is no token
 */
export async function ensureApiToken(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  return (await readToken(path)) ?? (await createToken(path));
}

async function readToken(path: string): Promise<string | undefined> {
  let mode: number;
  let token: string;
  try {
    ({ mode } = await stat(path));
    token = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
  if ((mode & 0o077) !== 0) {
    throw new ConfigError(
      `${path}: others can read the API token. Remove the file for a new token, or \`chmod 600\` it if nobody has.`,
    );
  }
  if (!/^[\x21-\x7e]{32,}$/.test(token)) {
    throw new ConfigError(
      `${path}: holds no API token (at least 32 characters, no spaces). Remove the file for a new token.`,
    );
  }
  return token;
}

async function createToken(path: string): Promise<string> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(32).toString('base64url')}\n`);
    await file.sync();
    // Unlike a rename, a link never replaces what another process made meanwhile.
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') {
        throw error;
      }
    });
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
  const token = await readToken(path);
  if (token === undefined) {
    throw new ConfigError(`${path}: was removed while it was made.`);
  }
  return token;
}
