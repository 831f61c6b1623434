import type Docker from 'dockerode';
import type { BackendCheck, BottleLimits } from '../backend.ts';

/** API of Docker Engine 20.10. */
const oldestApi = 41;
const answerMs = 10_000;
const usualSocket = '/var/run/docker.sock';

/** What `DOCKER_HOST` names, as far as bottles can be in it: they share directories and sockets with this machine. */
export type EngineAddress =
  | { readonly socket: string }
  | { readonly reason: string; readonly fix: string };

export function engineAddress(dockerHost: string | undefined): EngineAddress {
  if (!dockerHost) return { socket: usualSocket };
  const socket = /^unix:\/\/(\/.+)$/.exec(dockerHost)?.[1];
  return socket === undefined
    ? {
        reason: 'DOCKER_HOST names a Docker Engine that need not be on this machine',
        fix: 'Set DOCKER_HOST to unix:// and the path of the socket of an Engine on this machine.',
      }
    : { socket };
}

/** Loaded when it is needed: not in a supervisor. */
export async function openEngine(socketPath: string, timeout?: number): Promise<Docker> {
  const { default: Engine } = await import('dockerode');
  return new Engine({ socketPath, ...(timeout === undefined ? {} : { timeout }) });
}

/** Whether the Engine answers, is new enough, and gives the bottle's files to the bottle's user. */
export async function checkEngine(socket: string): Promise<BackendCheck> {
  const engine = await openEngine(socket, answerMs);
  try {
    return judge(await engine.version(), (await engine.info()) as EngineInfo);
  } catch (error) {
    return { usable: false, ...explain(error as NodeJS.ErrnoException, socket) };
  }
}

interface EngineInfo {
  readonly OSType: string;
  readonly SecurityOptions?: readonly string[];
  readonly MemoryLimit: boolean;
  readonly CpuCfsQuota: boolean;
  readonly PidsLimit: boolean;
}

function judge(version: Docker.DockerVersion, info: EngineInfo): BackendCheck {
  if (Number(version.ApiVersion.split('.')[1]) < oldestApi) {
    return {
      usable: false,
      reason: `Docker Engine ${version.Version} is too old`,
      fix: 'Install Docker Engine 20.10 or newer.',
    };
  }
  if (info.OSType !== 'linux') {
    return {
      usable: false,
      reason: `this Docker Engine runs ${info.OSType} containers`,
      fix: 'Let it run Linux containers.',
    };
  }
  if (info.SecurityOptions?.some((option) => /^name=(rootless|userns)/.test(option))) {
    return {
      usable: false,
      reason:
        'this Docker Engine gives its containers other user ids than they are told (rootless, or userns-remap)',
      fix: 'Use an Engine that runs as root without userns-remap: bottles are ordinary users in it, without capabilities.',
    };
  }
  const limits: Record<keyof BottleLimits, boolean> = {
    memoryBytes: info.MemoryLimit,
    cpus: info.CpuCfsQuota,
    pids: info.PidsLimit,
    // overlay2 on ext4 has no quota, and the working copy is outside of the container.
    diskBytes: false,
  };
  const enforced = (Object.keys(limits) as (keyof BottleLimits)[]).filter((name) => limits[name]);
  return { usable: true, limits: enforced };
}

function explain(error: NodeJS.ErrnoException, socket: string): { reason: string; fix: string } {
  const { code = '', message } = error;
  if (['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(code)) {
    return {
      reason: `no Docker Engine answers at ${socket} (${code})`,
      fix: 'Install and start Docker Engine, or set DOCKER_HOST to unix:// and the path of its socket.',
    };
  }
  if (['EACCES', 'EPERM'].includes(code)) {
    return {
      reason: `this user may not use the Docker Engine at ${socket}`,
      fix: 'Add the user to the group docker (it may then do all that root may) and log in again.',
    };
  }
  return {
    reason: `the Docker Engine at ${socket} does not answer as it should: ${message}`,
    fix: 'Look into the log of dockerd.',
  };
}
