import { join } from 'node:path';
import { mirrorPath } from '../bottles/directory.ts';
import type { ForgeCredentials, LaunchRequest } from '../bottles/host.ts';
import type { LaunchFile } from '../bottles/launch-file.ts';
import { systemEnvironment } from '../bottles/system.ts';
import type { Done } from '../domain/run.ts';
import type { Forge } from '../forges/forge.ts';
import type { DoorHandler } from './door.ts';
import { createGitGate, repositoryPath } from './git-gate/git-gate.ts';
import type { OperationLog } from './operation-log.ts';
import { createSidecar, mcpPath, rpcPath } from './sidecar/sidecar.ts';

/** What an agent reaches through its bottle's door. */
export interface Services {
  /** Handlers by the beginning of the path. */
  readonly routes: ReadonlyMap<string, DoorHandler>;
  /** Replaces what they reach the outside with. Until the first call nothing outside is reached. */
  setCredentials(credentials: ForgeCredentials): void;
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
}

export function createServices(options: ServicesOptions): Services {
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
  return {
    routes: new Map<string, DoorHandler>([
      [repositoryPath, (incoming, response) => void gate.handle(incoming, response)],
      [rpcPath, (incoming, response) => void sidecar.handle(incoming, response)],
      [mcpPath, (incoming, response) => void sidecar.handle(incoming, response)],
    ]),
    setCredentials(credentials) {
      sidecar.setForge(options.createForge(request, credentials));
      gate.setCredentials(credentials);
    },
  };
}
