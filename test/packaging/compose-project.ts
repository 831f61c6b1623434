import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/demo/free-port.ts';
import { ensureDockerCompose } from '../../tools/docker-compose.ts';
import { startDockerEngine } from '../../tools/docker-engine.ts';
import { readToolEnvironment } from '../../tools/environment.ts';
import { runProgram } from '../../tools/program.ts';
import { findProjectRoot } from '../../tools/project-root.ts';
import { provideStandInImages } from './stand-in-images.ts';

/** compose.yaml on an Engine of its own, with ports that are free and settings in a file of its own. */
export interface ComposeProject extends AsyncDisposable {
  /** As `DOCKER_HOST` has it. */
  readonly engineHost: string;
  readonly orchestratorUrl: string;
  readonly giteaUrl: string;
  /** Runs `docker compose` with these arguments and gives what it printed. */
  compose(...args: readonly string[]): Promise<string>;
  /** Writes what `orchestrator.env` would hold. It counts from the next `up` on. */
  configure(settings: Readonly<Record<string, string>>): Promise<void>;
}

/** Builds the orchestrator's image too, which takes minutes. */
export async function startComposeProject(): Promise<ComposeProject> {
  await using started = new AsyncDisposableStack();
  const report = (line: string): void => void process.stderr.write(`${line}\n`);
  const directory = await mkdtemp(join(tmpdir(), 'compose-'));
  started.defer(() => rm(directory, { recursive: true, force: true }));
  const program = await ensureDockerCompose(report);
  const engine = await startDockerEngine(report);
  started.use(engine);
  await provideStandInImages(engine.host, report);

  const [orchestrator, gitea, temporal] = [await freePort(), await freePort(), await freePort()];
  const settings = join(directory, 'orchestrator.env');
  const configure = (values: Readonly<Record<string, string>>): Promise<void> =>
    writeFile(
      settings,
      Object.entries(values)
        .map((pair) => `${pair.join('=')}\n`)
        .join(''),
    );
  await configure({});
  const root = findProjectRoot();
  const overrides = join(directory, 'overrides.yaml');
  // The Engine has no network for builds but the machine's own.
  await writeFile(
    overrides,
    `services: {orchestrator: {build: {network: host}, env_file: [${settings}]}}\n`,
  );
  const files = ['--file', join(root, 'compose.yaml'), '--file', overrides];
  const compose = (...args: readonly string[]): Promise<string> =>
    runProgram(
      program,
      ['--project-directory', root, '--project-name', 'compose-test', ...files, ...args],
      {
        env: {
          PATH: readToolEnvironment().path,
          HOME: directory,
          DOCKER_HOST: engine.host,
          // The other builder asks a registry first.
          DOCKER_BUILDKIT: '0',
          ORCHESTRATOR_PORT: String(orchestrator),
          GITEA_PORT: String(gitea),
          TEMPORAL_UI_PORT: String(temporal),
        },
      },
    );
  started.defer(async () => {
    await compose('--profile', 'gitea', 'down', '--volumes', '--timeout', '5');
  });
  report('building the image of the orchestrator');
  await compose('build', 'orchestrator');
  const running = started.move();
  return {
    engineHost: engine.host,
    orchestratorUrl: `http://127.0.0.1:${orchestrator}`,
    giteaUrl: `http://127.0.0.1:${gitea}`,
    compose,
    configure,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
