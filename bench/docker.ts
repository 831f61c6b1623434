import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bottlePaths, inside } from '../src/bottles/directory.ts';
import { createDockerBackend } from '../src/bottles/docker/docker-backend.ts';
import type { BottleHost, LaunchRequest } from '../src/bottles/host.ts';
import { supervisorTiming } from '../src/bottles/launch-file.ts';
import { Spares } from '../src/bottles/spares.ts';
import { HostFixture, ordered } from '../test/bottles/host-fixture.ts';
import { until } from '../test/support/until.ts';
import { provideDockerEngine } from '../tools/docker-engine.ts';
import { ensureDockerImage } from '../tools/docker-image.ts';
import type { Bench } from './bench.ts';
import type { Figure } from './figure.ts';
import { inTurn, now } from './measure.ts';

const rounds = 15;
const run = promisify(execFile);
const sayWhen = 'date +%s%N';

/** Runs Docker's own command and gives its stdout. */
type DockerCommand = (...args: string[]) => Promise<string>;

/** Launch and freeze of a Docker bottle, below Temporal. */
export async function measureDocker(bench: Bench): Promise<Figure[]> {
  const report = (line: string): void => void process.stderr.write(`${line}\n`);
  const engine = await bench.own(() => provideDockerEngine(report));
  const image = await ensureDockerImage(engine.host, report);
  const backend = createDockerBackend(engine.host);
  const fixture = await bench.own(() => HostFixture.make({ backend, image }));
  const host = await hostWithSpare(bench, fixture);
  const docker: DockerCommand = async (...args) =>
    (await run('docker', ['--host', engine.host, ...args])).stdout.trim();
  return [
    await measureLaunch(bench, fixture, host, docker, image),
    await measureFreeze(bench, fixture, host, docker, image),
  ];
}

/** As the orchestrator has it. */
async function hostWithSpare(bench: Bench, fixture: HostFixture): Promise<BottleHost> {
  const { runtimeDirectory, dataDirectory, backend, socketBase } = fixture;
  const spares = await bench.own(
    async () => new Spares({ runtimeDirectory, dataDirectory, socketBase, backend }),
  );
  spares.keep();
  return fixture.anotherHost(supervisorTiming, backend, socketBase, spares);
}

/** Against `docker run` of the same image and mounts whose program clones, to the same instruction. */
async function measureLaunch(
  bench: Bench,
  fixture: HostFixture,
  host: BottleHost,
  docker: DockerCommand,
  image: string,
): Promise<Figure> {
  const ms = await inTurn(
    rounds,
    bench.signal,
    async () => {
      const begunAt = now();
      const request = await runOnce(bench, fixture, host);
      const { home } = bottlePaths(fixture.dataDirectory, request.slug);
      const first = Number(await readFile(join(home, 'first'), 'utf8')) / 1e6;
      await host.destroy(request.slug);
      return first - begunAt;
    },
    async () => {
      const begunAt = now();
      const script = `git clone --quiet ${inside.sockets} /tmp/work && ${sayWhen}`;
      const first = Number(await docker(...bareRun(fixture, image, script))) / 1e6;
      return first - begunAt;
    },
  );
  return figure('docker launch', ms);
}

async function measureFreeze(
  bench: Bench,
  fixture: HostFixture,
  host: BottleHost,
  docker: DockerCommand,
  image: string,
): Promise<Figure> {
  const name = `bare-${process.pid}`;
  const ms = await inTurn(
    rounds,
    bench.signal,
    async () => {
      const { slug } = await runOnce(bench, fixture, host);
      const begunAt = now();
      await host.freeze(slug);
      const taken = now() - begunAt;
      await host.destroy(slug);
      return taken;
    },
    async () => {
      const args = [...isolation, image, 'sh', '-c', `${sayWhen} > /var/tmp/first`];
      await docker('run', '--name', name, ...args);
      const begunAt = now();
      await docker('commit', name, name);
      const taken = now() - begunAt;
      await docker('rm', name);
      await docker('rmi', name);
      return taken;
    },
  );
  return figure('docker freeze', ms);
}

/** A new bottle whose agent writes down when it began, and has ended. */
async function runOnce(
  bench: Bench,
  fixture: HostFixture,
  host: BottleHost,
): Promise<LaunchRequest> {
  const request = fixture.request(`${sayWhen} | tee /var/tmp/first ~/first`);
  await host.launch(request, ordered(request), bench.signal);
  await until('the end', async () => (await host.countLiving()) === 0);
  return request;
}

function figure(name: string, { ours, bare }: { ours: number; bare: number }): Figure {
  return {
    figure: name,
    value: ours / bare,
    unit: 'ratio',
    limit: 1.3,
    at: 'most',
    raw: { oursMs: ours, bareMs: bare },
  };
}

const isolation = [
  ...['--init', '--network', 'none', '--cap-drop', 'ALL'],
  ...['--security-opt', 'no-new-privileges'],
];

/** As the backend starts its containers, with as many mounts; the repository is where a bottle has its sockets. */
function bareRun(fixture: HostFixture, image: string, script: string): string[] {
  const mounts = {
    [inside.work]: 'seed',
    [inside.home]: 'seed/.git',
    [inside.sockets]: 'upstream.git',
    [inside.prompt]: 'seed/readme.md',
    '/etc/passwd': 'seed/readme.md',
    '/etc/group': 'seed/readme.md',
  };
  return [
    ...['run', '--rm', ...isolation, '--user', '0:0', '--workdir', inside.work],
    ...['-v', `${fixture.runtimeDirectory}:${inside.runtime}:ro`],
    ...Object.entries(mounts).flatMap(([target, source]) => [
      '-v',
      `${fixture.directory}/${source}:${target}`,
    ]),
    ...[image, 'sh', '-c', script],
  ];
}
