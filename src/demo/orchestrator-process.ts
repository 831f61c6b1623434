import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readToolEnvironment } from '../../tools/environment.ts';
import type { DemoDirectory } from './demo-directory.ts';
import { startServerProcess, type ServerProcess } from './server-process.ts';
import { waitUntil } from './wait-until.ts';

const READY_TIMEOUT_MS = 60_000;

export interface OrchestratorProcessOptions {
  /** The command line's program, to be run by this Node. */
  readonly program: string;
  readonly directory: DemoDirectory;
  readonly port: number;
  readonly temporalAddress: string;
  readonly giteaUrl: string;
  readonly forgeToken: string;
  readonly webhookSecret: string;
  /** Added to its own. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface OrchestratorProcess extends ServerProcess {
  readonly url: string;
  readonly token: string;
  readonly tokenFile: string;
}

/** `orchestrator run` as our child, with an environment of its own. Resolves when it is ready for work. */
export async function startOrchestratorProcess(
  options: OrchestratorProcessOptions,
): Promise<OrchestratorProcess> {
  const { directory, port, signal } = options;
  const url = `http://127.0.0.1:${String(port)}`;
  const secretFile = async (name: string, secret: string): Promise<string> => {
    const path = join(directory.data, name);
    await writeFile(path, `${secret}\n`, { mode: 0o600 });
    return path;
  };
  const logFile = join(directory.logs, 'orchestrator.log');
  const server = await startServerProcess(
    {
      title: 'the orchestrator',
      binary: process.execPath,
      args: [options.program, 'run'],
      cwd: directory.path,
      env: {
        PATH: readToolEnvironment().path,
        HOME: directory.path,
        ORCHESTRATOR_DATA_DIR: directory.data,
        TEMPORAL_ADDRESS: options.temporalAddress,
        FORGE_GITEA_API: `${options.giteaUrl}/api/v1`,
        FORGE_TOKEN_FILE: await secretFile('forge-token', options.forgeToken),
        FORGE_WEBHOOK_SECRET_FILE: await secretFile('webhook-secret', options.webhookSecret),
        FORGE_WEBHOOK_PORT: String(port),
        // Nobody writes a second comment here.
        COMMENT_DEBOUNCE: '1s',
        ...options.environment,
      },
      logFile,
      signal,
    },
    async () => (await fetch(`${url}/healthz`)).ok,
  );
  try {
    await waitUntil('the orchestrator to be ready', { timeoutMs: READY_TIMEOUT_MS, signal }, () =>
      readiness(url, logFile),
    );
    const tokenFile = join(directory.data, 'api-token');
    return { ...server, url, token: (await readFile(tokenFile, 'utf8')).trim(), tokenFile };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

const readinessAnswer = z.object({
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), reason: z.string().nullable() })),
});

/** Undefined while it is on the way. A machine without sandboxes never is. */
async function readiness(url: string, logFile: string): Promise<true | undefined> {
  const { checks } = readinessAnswer.parse(await (await fetch(`${url}/readyz`)).json());
  const bottles = checks.find(({ name, ok }) => name === 'bottles' && !ok);
  if (bottles !== undefined) {
    throw new Error(`no bottle can run here: ${bottles.reason ?? ''}. What helps is in ${logFile}`);
  }
  return checks.every(({ ok }) => ok) ? true : undefined;
}
