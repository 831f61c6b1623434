import { join } from 'node:path';
import { mirrorPath } from '../bottles/directory.ts';
import type { ForgeCredentials, LaunchRequest, LlmAccess } from '../bottles/host.ts';
import type { LaunchFile } from '../bottles/launch-file.ts';
import { systemEnvironment } from '../bottles/system.ts';
import type { Done, RunEnd } from '../domain/run.ts';
import type { Usage } from '../domain/usage.ts';
import type { Forge } from '../forges/forge.ts';
import type { DoorHandler, DoorProxy } from './door.ts';
import { lazyEgressProxy } from './egress/lazy-egress-proxy.ts';
import { createGitGate, repositoryPath } from './git-gate/git-gate.ts';
import type { LlmGateway } from './llm-gateway/llm-gateway.ts';
import { llmPath } from './llm-gateway/llm-path.ts';
import type { ProviderLimit } from './llm-gateway/provider-limit.ts';
import type { OperationLog } from './operation-log.ts';
import { createSidecar, mcpPath, rpcPath } from './sidecar/sidecar.ts';

/** What an agent reaches through its bottle's door. */
export interface Services {
  /** Handlers by the beginning of the path. */
  readonly routes: ReadonlyMap<string, DoorHandler>;
  /** The way to other hosts. */
  readonly proxy: DoorProxy;
  /** Replaces what they reach the outside with. Until the first call nothing outside is reached. */
  setCredentials(credentials: ForgeCredentials): void;
  /** Waits for models' answers that are under way. @returns what the run has used, for the record of its end */
  close(): Promise<Pick<RunEnd, 'usage' | 'egress'>>;
}

export interface ServicesOptions {
  readonly file: LaunchFile;
  readonly request: LaunchRequest;
  readonly createForge: (request: LaunchRequest, credentials: ForgeCredentials) => Forge;
  readonly operations: OperationLog;
  readonly isDone: () => boolean;
  readonly onDone: (done: Done) => Promise<void>;
  readonly onPullRequest: (number: number) => Promise<void>;
  readonly onComment: (id: number) => Promise<void>;
  /** Called for every request: a check-in. */
  readonly onCall: () => void;
  /** What the run has used of models until now; called after each answer. */
  readonly onUsage: (usage: Usage) => void;
  /** A model's provider takes no more requests for now. */
  readonly onLimit: (limit: ProviderLimit) => void;
  /** A budget is spent. */
  readonly onBudget: (reason: string) => void;
}

/** For models' answers that are under way when all inside has ended: only their end tells what they used. */
const meterMs = 10_000;

export async function createServices(options: ServicesOptions): Promise<Services> {
  const { file, request, operations, onCall } = options;
  const { onDone, onPullRequest, onComment } = options;
  const sidecar = createSidecar({
    launch: request,
    operations,
    onDone,
    onPullRequest,
    onComment,
    onCall,
  });
  const gate = createGitGate({
    mirror: mirrorPath(file.dataDirectory, request.repository.id),
    hooks: join(file.runtimeDirectory, 'git-hooks'),
    upstream: request.repository.cloneUrl,
    branch: request.branch,
    environment: systemEnvironment,
    operations,
    isDone: options.isDone,
    onCall,
  });
  const gateway = request.llm === undefined ? undefined : await openGateway(request.llm, options);
  const routes = new Map<string, DoorHandler>([
    [repositoryPath, (incoming, response) => void gate.handle(incoming, response)],
    [rpcPath, (incoming, response) => void sidecar.handle(incoming, response)],
    [mcpPath, (incoming, response) => void sidecar.handle(incoming, response)],
  ]);
  if (gateway !== undefined) {
    routes.set(llmPath, (incoming, response) => void gateway.handle(incoming, response));
  }
  const proxy = lazyEgressProxy({ allow: request.egress ?? [], onCall });
  return {
    routes,
    proxy,
    setCredentials(credentials) {
      sidecar.setForge(options.createForge(request, credentials));
      gate.setCredentials(credentials);
      gateway?.setKeys(credentials.modelKeys ?? {});
    },
    async close() {
      const [usage, egress] = await Promise.all([gateway?.close(meterMs), proxy.summary()]);
      return {
        ...(usage === undefined ? {} : { usage }),
        ...(egress === undefined ? {} : { egress }),
      };
    },
  };
}

async function openGateway(
  access: LlmAccess,
  { onCall, onUsage, onLimit, onBudget }: ServicesOptions,
): Promise<LlmGateway> {
  // Most of a megabyte, which a run without a model does not pay.
  const { createLlmGateway } = await import('./llm-gateway/llm-gateway.ts');
  return createLlmGateway({ access, onCall, onUsage, onLimit, onBudget });
}
