import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureDebianPackages } from './debian-packages.ts';
import { readToolEnvironment, type Report, type ToolEnvironment } from './environment.ts';
import { runProgram } from './program.ts';

const usualHost = 'unix:///var/run/docker.sock';
const startMs = 30_000;

/** A Docker Engine that answers. Disposing of it ends one that was started for the caller, with all that is in it. */
export interface DockerEngine extends AsyncDisposable {
  /** As `DOCKER_HOST` has it. */
  readonly host: string;
}

/**
 * The Engine that `DOCKER_HOST` or the usual socket leads to; where none answers, as root, one that is started for the caller
 * with directories of its own below `parent`. Rejects with one message that says what to install.
 */
export async function provideDockerEngine(
  report: Report,
  environment: ToolEnvironment = readToolEnvironment(),
  parent: string = tmpdir(),
): Promise<DockerEngine> {
  const host = environment.variables['DOCKER_HOST'] || usualHost;
  if (await answers(host)) return { host, [Symbol.asyncDispose]: async () => {} };
  if (process.getuid?.() !== 0) {
    throw new Error(
      `no Docker Engine answers at ${host}. Install Docker Engine 20.10 or newer and start it, or set DOCKER_HOST.`,
    );
  }
  report(`starting a Docker Engine for this purpose alone: none answers at ${host}`);
  return await startDockerEngine(report, environment, parent);
}

/**
 * An Engine for the caller alone, with directories of its own below `parent`; only for root. It makes no bridge and touches no firewall: its
 * containers have no network but the ones that are made for them, and out of those no way.
 */
export async function startDockerEngine(
  report: Report,
  environment: ToolEnvironment = readToolEnvironment(),
  parent: string = tmpdir(),
): Promise<DockerEngine> {
  await ensureDebianPackages(report, environment, { dockerd: 'docker.io', setpriv: 'util-linux' });
  const { path } = environment;
  const directory = await mkdtemp(join(parent, 'docker-'));
  const host = `unix://${directory}/docker.sock`;
  const log = openSync(join(directory, 'log'), 'a');
  // It ends in good order when this process dies, however that dies.
  const daemon = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'TERM', 'dockerd', '--host', host],
      ...['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'run')],
      ...['--pidfile', join(directory, 'pid')],
      ...['--bridge', 'none', '--iptables=false', '--ip6tables=false'],
    ],
    { stdio: ['ignore', log, log], env: { PATH: path }, detached: true },
  );
  closeSync(log);
  const exited = once(daemon, 'exit');
  const stop = async (): Promise<void> => {
    if (daemon.exitCode === null && daemon.signalCode === null) {
      daemon.kill('SIGTERM');
      await exited;
    }
    // Where it had a network, the daemon leaves this one mounted.
    const mounted = join(directory, 'run', 'netns', 'default');
    if (existsSync(mounted)) await runProgram('umount', [mounted]).catch(() => undefined);
    await rm(directory, { recursive: true, force: true });
  };
  const end = Date.now() + startMs;
  while (!(await answers(host))) {
    if (daemon.exitCode !== null || Date.now() > end) {
      const said = await readFile(join(directory, 'log'), 'utf8');
      await stop();
      throw new Error(
        `dockerd does not start here: ${said.trim().split('\n').slice(-3).join(' | ')}`,
      );
    }
    await sleep(50);
  }
  return { host, [Symbol.asyncDispose]: stop };
}

function answers(host: string): Promise<boolean> {
  const socketPath = /^unix:\/\/(\/.+)$/.exec(host)?.[1];
  if (socketPath === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping', timeout: 2_000, agent: false });
    ping.on('response', (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on('timeout', () => ping.destroy());
    ping.on('error', () => resolve(false));
    ping.on('close', () => resolve(false));
    ping.end();
  });
}
