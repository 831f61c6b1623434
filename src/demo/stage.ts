import { randomBytes } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDebianPackages } from '../../tools/debian-packages.ts';
import { ensureGitea } from '../../tools/gitea.ts';
import { ensureTemporal } from '../../tools/temporal.ts';
import { bringCast, type Cast, type CastChoice } from './cast.ts';
import type { DemoDirectory } from './demo-directory.ts';
import { freePort } from './free-port.ts';
import { startGiteaServer, type GiteaServer } from './gitea-server.ts';
import { provisionSite, type GiteaSite } from './gitea-site.ts';
import type { Narrator } from './narrator.ts';
import { startOrchestratorProcess, type OrchestratorProcess } from './orchestrator-process.ts';
import type { ServerProcess } from './server-process.ts';
import { startTemporalServer, type TemporalServer } from './temporal-server.ts';
import { orAborted } from './wait-until.ts';

/** What the story is played on. */
export interface Stage {
  readonly cast: Cast;
  readonly directory: DemoDirectory;
  readonly gitea: GiteaServer;
  /** A Gitea that was built from its source has pages without style and scripts. */
  readonly giteaHasScripts: boolean;
  readonly site: GiteaSite;
  readonly temporal: TemporalServer;
  readonly orchestrator: OrchestratorProcess;
  /** The `orchestrator` command, knowing where this orchestrator is. */
  readonly command: string;
}

export interface StageOptions {
  readonly choice: CastChoice;
  readonly directory: DemoDirectory;
  /** The command line's program, to be run by this Node. */
  readonly program: string;
  readonly narrator: Narrator;
  /** Whatever is started is put on it, to be stopped in reverse order. */
  readonly started: AsyncDisposableStack;
  /** Ends all bottles, once the orchestrator has ended. */
  readonly endBottles: (dockerHost: string | undefined) => Promise<void>;
  /** Told when a server ends that nobody stopped. */
  readonly onUnexpectedEnd: (error: Error) => void;
  readonly signal: AbortSignal;
}

/** Gets and starts Temporal, Gitea and the orchestrator. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const { directory, narrator, started, signal } = options;
  const begin = async <T extends ServerProcess>(title: string, start: Promise<T>): Promise<T> => {
    const server = await start;
    let stopping = false;
    started.defer(() => {
      stopping = true;
      return server.stop();
    });
    void server.exited.then(() => {
      if (!stopping) {
        options.onUnexpectedEnd(new Error(`${title} has ended unexpectedly`));
      }
    });
    return server;
  };

  const { temporalBinary, giteaProgram } = await narrator.during(
    'looking for Temporal and Gitea',
    orAborted(getPrograms(narrator), signal),
  );
  const cast = await narrator.during(
    'looking for the agent',
    orAborted(
      bringCast(options.choice, directory.path, (line) => narrator.step(line), started),
      signal,
    ),
  );
  if (cast.model !== undefined) narrator.step(`The model of ${cast.agent} is ${cast.model}`);
  const starting = Promise.allSettled([
    begin('Temporal', startTemporal(temporalBinary, directory, signal)).then((server) => {
      narrator.step('Temporal is up', server.uiUrl);
      return server;
    }),
    begin(
      'Gitea',
      startGiteaServer({ program: giteaProgram, directory: directory.gitea, signal }),
    ).then((server) => {
      narrator.step('Gitea is up', server.url);
      return server;
    }),
  ]);
  const [temporalStart, giteaStart] = await narrator.during(
    'starting Temporal and Gitea',
    starting,
  );
  const temporal = startedOrThrow(temporalStart);
  const gitea = startedOrThrow(giteaStart);
  signal.throwIfAborted();

  const port = await freePort();
  const webhook = {
    url: `http://127.0.0.1:${String(port)}/webhooks/gitea`,
    secret: randomBytes(32).toString('hex'),
  };
  const site = await provisionSite(
    { url: gitea.url, token: gitea.adminToken },
    { agent: cast.agent, webhook },
  );
  const { owner, name } = site.repository;
  narrator.step(
    `Gitea has people and a repository: ${site.person.name}, ${site.bot.name}, ${owner}/${name}`,
  );

  await cast.write(directory.data);
  started.defer(() => options.endBottles(cast.environment['DOCKER_HOST']));
  const orchestrator = await narrator.during(
    'starting the orchestrator',
    begin(
      'the orchestrator',
      startOrchestratorProcess({
        program: options.program,
        directory,
        port,
        temporalAddress: temporal.address,
        giteaUrl: gitea.url,
        forgeToken: site.bot.token,
        webhookSecret: webhook.secret,
        environment: cast.environment,
        signal,
      }),
    ),
  );
  narrator.step('The orchestrator is ready', orchestrator.url);
  return {
    cast,
    directory,
    gitea,
    giteaHasScripts: giteaProgram.staticRoot === undefined,
    site,
    temporal,
    orchestrator,
    command: await writeCommand(directory, options.program, orchestrator),
  };
}

async function getPrograms(narrator: Narrator) {
  const report = (line: string): void => narrator.step(line);
  await ensureDebianPackages(report);
  const temporalBinary = await ensureTemporal(report);
  const giteaProgram = await ensureGitea(report);
  return { temporalBinary, giteaProgram };
}

function startTemporal(
  binary: string,
  { path, logs }: DemoDirectory,
  signal: AbortSignal,
): Promise<TemporalServer> {
  return startTemporalServer({
    binary,
    databaseFile: join(path, 'temporal.db'),
    logFile: join(logs, 'temporal.log'),
    signal,
  });
}

function startedOrThrow<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') {
    throw result.reason;
  }
  return result.value;
}

/** A person should not have to type where the demo's orchestrator is. */
async function writeCommand(
  directory: DemoDirectory,
  program: string,
  { url, tokenFile }: OrchestratorProcess,
): Promise<string> {
  const path = join(directory.path, 'orchestrator');
  const words = [process.execPath, program, '--url', url, '--token-file', tokenFile].map(quote);
  await writeFile(path, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  await chmod(path, 0o755);
  return path;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
