import { lstatSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { inside } from '../directory.ts';

/** The user inside. What it is on the host is decided by who starts bubblewrap. */
const agentId = '1000';

/** Node's IPC channel, by which the launcher is told what to do and hands its listener out. */
const channelDescriptor = '3';

/** Where bubblewrap reads the filter of system calls; it closes it. */
const filterDescriptor = '4';

/** What is mounted from the host, as far as it differs between bottles. */
export interface Mounts {
  /** Not mounted itself: its `work/`, `home/` and the run's prompt are. */
  readonly bottle: string;
  readonly runtime: string;
  readonly sockets: string;
}

/** The hardening that every sandbox has, and that the probe tries. */
export const isolation = [
  '--unshare-all',
  '--unshare-user',
  '--disable-userns',
  '--new-session',
  '--die-with-parent',
  '--clearenv',
] as const;

/**
 * The argument vector that starts a bottle's launcher. Holds no secret: it can be read by every user of the machine.
 * @param prompt path below the bottle's directory
 * @param tools where they are on the host, under the names that they have inside
 */
export function bubblewrapArguments(
  mounts: Mounts,
  prompt: string,
  tools: readonly string[],
): string[] {
  return [
    'bwrap',
    ...isolation,
    ...['--seccomp', filterDescriptor],
    ...['--uid', agentId, '--gid', agentId, '--hostname', 'bottle'],
    ...systemDirectories(),
    ...systemFiles(mounts.runtime),
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--tmpfs', '/var/tmp'],
    ...['--ro-bind', mounts.runtime, inside.runtime],
    ...['--ro-bind', mounts.sockets, inside.sockets],
    ...['--ro-bind', `${mounts.bottle}/${prompt}`, inside.prompt],
    ...tools.flatMap((tool) => ['--ro-bind', tool, `${inside.tools}/${basename(tool)}`]),
    ...['--bind', `${mounts.bottle}/home`, inside.home],
    ...['--bind', `${mounts.bottle}/work`, inside.work],
    ...['--remount-ro', '/', '--chdir', inside.work],
    ...['--setenv', 'PATH', inside.path, '--setenv', 'HOME', inside.home],
    ...['--setenv', 'NODE_CHANNEL_FD', channelDescriptor],
    ...['--setenv', 'NODE_CHANNEL_SERIALIZATION_MODE', 'json'],
    '--',
    ...[`${inside.runtime}/bin/node`, '--no-warnings', `${inside.runtime}/launcher.cjs`],
  ];
}

/** The host's programs, read-only. What is a link on the host is one inside. */
export function systemDirectories(): string[] {
  const topLevel = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].flatMap((name) => {
    const stat = lstatSync(`/${name}`, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    return stat.isSymbolicLink()
      ? ['--symlink', readlinkSync(`/${name}`), `/${name}`]
      : ['--ro-bind', `/${name}`, `/${name}`];
  });
  return ['--ro-bind', '/usr', '/usr', ...topLevel];
}

/** Of the host's `/etc` only what programs need to run and what tells nothing of the host; accounts are made up. */
function systemFiles(runtime: string): string[] {
  const fromHost = ['ld.so.cache', 'alternatives', 'ssl', 'ca-certificates', 'pki', 'localtime'];
  const madeUp = ['passwd', 'group', 'hosts', 'nsswitch.conf'];
  return [
    ...fromHost.flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    ...madeUp.flatMap((name) => ['--ro-bind', `${runtime}/etc/${name}`, `/etc/${name}`]),
  ];
}
