import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BottlePaths, inside } from '../directory.ts';
import { readManifest } from '../manifest.ts';

/** Who the agent is, inside and on the host alike: the bottle's user, or where it has none the orchestrator's own. */
export function accountsOf(paths: BottlePaths): { uid: number; gid: number } {
  const uid = readManifest(paths)?.uid;
  return uid === undefined
    ? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
    : { uid, gid: uid };
}

/** Writes the accounts that are mounted over the image's: many programs want a name for their user. */
export function writeAccounts(paths: BottlePaths): void {
  const { uid, gid } = accountsOf(paths);
  const passwd = [
    'root:x:0:0:root:/nonexistent:/usr/sbin/nologin',
    `agent:x:${uid}:${gid}:agent:${inside.home}:/bin/sh`,
  ];
  const group = ['root:x:0:', `agent:x:${gid}:`];
  for (const [name, lines] of Object.entries({ passwd, group })) {
    const path = join(paths.root, name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    // Everybody inside reads it, whatever the umask is.
    chmodSync(path, 0o644);
  }
}
