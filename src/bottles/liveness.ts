import { readFileSync } from 'node:fs';
import type { ProcessIdentity } from '../journal/format.ts';

/**
 * True while the very process runs that the identity names. A zombie is dead; a pid that was given to another process,
 * or that belongs to an earlier boot, is dead. (The nonce is the control socket's to answer: see `control-client`.)
 */
export function isAlive(identity: Omit<ProcessIdentity, 'nonce'>): boolean {
  if (identity.bootId !== bootId()) return false;
  return readStat(identity.pid)?.startTime === identity.startTime && isAlivePid(identity.pid);
}

/** True when a process with that pid runs and is no zombie. */
export function isAlivePid(pid: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && !/[ZXx]/.test(stat.state);
}

/** Names the calling process. */
export function ownIdentity(nonce: string): ProcessIdentity {
  const stat = readStat(process.pid);
  if (stat === undefined) throw new Error('cannot read /proc/self/stat: is /proc mounted?');
  return { pid: process.pid, startTime: stat.startTime, bootId: bootId(), nonce };
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function readStat(pid: number): { state: string; startTime: string } | undefined {
  let text;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name in parentheses may hold anything, also spaces and parentheses: count from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? 'X', startTime: fields[19] ?? '' };
}
