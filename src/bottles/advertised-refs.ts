import type { ForgeCredentials } from './host.ts';

const timeoutMs = 5_000;
/** Repositories with more refs than fit are left to git. */
const maxBytes = 4 * 1024 * 1024;

/** The branches and tags of a repository: object ids by full name. */
export type Refs = ReadonlyMap<string, string>;

/**
 * Asks a forge for a repository's branches and tags: one request over a connection that is open, where `git fetch` starts
 * several programs and connects anew.
 * @param url the repository's address, without credentials
 * @returns undefined when that is not to be had in this way, whatever the cause: `git fetch` then says what is wrong
 * @see https://git-scm.com/docs/http-protocol (smart clients, protocol version 0)
 */
export async function readAdvertisedRefs(
  url: string,
  { login, token }: ForgeCredentials,
): Promise<Refs | undefined> {
  try {
    const response = await fetch(`${url}/info/refs?service=git-upload-pack`, {
      headers: { authorization: `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}` },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body = await readUpTo(response, maxBytes);
    return response.ok && body !== undefined ? parseAdvertisement(body) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined for what is no complete advertisement. */
export function parseAdvertisement(body: Buffer): Refs | undefined {
  const lines = [...packetLines(body)];
  if (lines[0] !== '# service=git-upload-pack' || lines.at(-1) !== undefined) return undefined;
  const refs = new Map<string, string>();
  for (const line of lines) {
    // Behind a NUL character the first one lists what the server can do.
    const [, id, name] = /^([0-9a-f]{40,64}) (refs\/(?:heads|tags)\/[^\0]+)/.exec(line ?? '') ?? [];
    // `^{}` names what an annotated tag points to.
    if (id !== undefined && name !== undefined && !name.endsWith('^{}')) refs.set(name, id);
  }
  return refs;
}

/** Each line without its end; undefined for a flush packet. */
function* packetLines(body: Buffer): Generator<string | undefined> {
  for (let at = 0; at < body.length;) {
    const length = Number.parseInt(body.toString('latin1', at, at + 4), 16);
    const end = at + Math.max(length, 4);
    if (!(length === 0 || length >= 4) || end > body.length) {
      yield 'torn';
      return;
    }
    yield length === 0 ? undefined : body.toString('utf8', at + 4, end).replace(/\n$/, '');
    at = end;
  }
}

async function readUpTo(response: Response, limit: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
