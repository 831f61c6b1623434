import { basename, join } from 'node:path';
import type Docker from 'dockerode';
import type { BottleLimits, PrepareRequest } from '../backend.ts';
import { type BottlePaths, inside } from '../directory.ts';
import { accountsOf } from './accounts.ts';
import { bottleLabels, dataDigest } from './labels.ts';

/** Threads of the launcher and of Docker's init, beside which the agent has its whole limit. */
const ownProcesses = 16;

/** One container to a run. Nothing of the host is in its environment, and no network is in it but its own loopback. */
export function containerOptions(
  sandbox: PrepareRequest,
  image: string,
): Docker.ContainerCreateOptions {
  const { paths, run, limits } = sandbox;
  const { uid, gid } = accountsOf(paths);
  return {
    name: containerName(paths, run),
    Image: image,
    Labels: { ...bottleLabels(paths), 'bot-bottle.run': String(run) },
    Hostname: 'bottle',
    User: `${uid}:${gid}`,
    WorkingDir: inside.work,
    Entrypoint: [`${inside.runtime}/bin/node`],
    Cmd: ['--no-warnings', `${inside.runtime}/container-launcher.cjs`],
    Env: [`PATH=${inside.path}`, `HOME=${inside.home}`],
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Init: true,
      // What the launcher says when it fails. The agent's output does not come this way.
      LogConfig: { Type: 'json-file', Config: { 'max-size': '64k', 'max-file': '1' } },
      Mounts: [
        mount(paths.work, inside.work, false),
        mount(paths.home, inside.home, false),
        mount(sandbox.socketDirectory, inside.sockets, true),
        mount(sandbox.runtimeDirectory, inside.runtime, true),
        mount(sandbox.promptFile, inside.prompt, true),
        ...sandbox.tools.map((tool) => mount(tool, `${inside.tools}/${basename(tool)}`, true)),
        mount(join(paths.root, 'passwd'), '/etc/passwd', true),
        mount(join(paths.root, 'group'), '/etc/group', true),
      ],
      ...engineLimits(limits),
    },
  };
}

export function containerName(paths: BottlePaths, run: number): string {
  return `bot-bottle-${paths.slug}-${run}-${dataDigest(paths)}`;
}

function mount(source: string, target: string, readOnly: boolean): Docker.MountSettings {
  const BindOptions = { Propagation: 'rprivate' } as const;
  return { Type: 'bind', Source: source, Target: target, ReadOnly: readOnly, BindOptions };
}

function engineLimits({ memoryBytes, cpus, pids }: BottleLimits): Docker.HostConfig {
  return {
    // Without swap.
    ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
    ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
    ...(pids === undefined ? {} : { PidsLimit: pids + ownProcesses }),
  };
}
