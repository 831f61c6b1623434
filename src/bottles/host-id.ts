import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The id of this host, kept in the data directory: made up at the first call, the same ever after. */
export async function readHostId(dataDirectory: string): Promise<string> {
  const path = join(dataDirectory, 'host-id');
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const known = await readFile(path, 'utf8').catch(() => '');
  if (/^[0-9a-f]{8}\n$/.test(known)) return known.trim();
  const id = randomBytes(4).toString('hex');
  // Torn by a crash, it would become another host, whose queues nobody waits on.
  const draft = `${path}.${id}`;
  await writeFile(draft, `${id}\n`, { flush: true });
  await rename(draft, path);
  return id;
}
