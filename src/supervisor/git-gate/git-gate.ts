import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { forgeSettings, gitEnvironment, type GitSettings } from '../../bottles/git-settings.ts';
import type { ForgeCredentials } from '../../bottles/host.ts';
import type { Operation } from '../../domain/operation.ts';
import { OperationBudgetError } from '../operation-log.ts';
import type { OpenOperation, OperationLog } from '../operation-log.ts';
import { describeArguments } from '../../journal/call-arguments.ts';
import { runHttpBackend } from './http-backend.ts';
import type { BackendEnd } from './http-backend.ts';
import { readPushRequest } from './push-commands.ts';
import type { PushCommand } from './push-commands.ts';

/** Where the bottle finds its repository, on the sidecar's socket and on the launcher's port. */
export const repositoryPath = '/git/repository.git';

export interface GitGateOptions {
  /** The bare mirror on the host; other bottles may use it at the same time. */
  readonly mirror: string;
  /** Directory with `pre-receive`. */
  readonly hooks: string;
  /** The forge's repository, without credentials. */
  readonly upstream: string;
  /** The one branch that may be pushed, without `refs/heads/`. */
  readonly branch: string;
  /** What git needs of the host: PATH, and what names its proxies and certificates. */
  readonly environment: Readonly<Record<string, string>>;
  readonly operations: OperationLog;
  /** True once the agent has signalled that it is done: pushes are refused from then on. */
  readonly isDone: () => boolean;
  /** Called for every request: a check-in. */
  readonly onCall: () => void;
}

/**
 * The bottle's `origin`: git smart HTTP on the mirror. All may be read; a push to the bottle's own branch goes on
 * to the forge, and takes effect only if the forge takes it.
 */
export interface GitGate {
  /** Serves what lies below `repositoryPath`. Never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Replaces the credentials for the forge. Until the first call pushes are refused. */
  setCredentials(credentials: ForgeCredentials): void;
}

const maxProcesses = 8;
const longestTarget = 200;
const maxPushBytes = 1024 ** 3;

export function createGitGate(options: GitGateOptions): GitGate {
  const { mirror, upstream, operations, environment } = options;
  const ref = `refs/heads/${options.branch}`;
  let credentials: ForgeCredentials | undefined;
  let processes = 0;

  const settings: GitSettings = {
    'core.hooksPath': options.hooks,
    'http.receivepack': 'true',
    'receive.autogc': 'false',
    'receive.fsckObjects': 'true',
    'receive.maxInputSize': String(maxPushBytes),
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    options.onCall();
    const [pathname = '', query = ''] = (request.url ?? '').split('?', 2);
    const path = pathname.slice(repositoryPath.length);
    if (!pathname.startsWith(repositoryPath) || !isSmartRequest(request.method, path, query)) {
      refuse(response, 404, `nothing here: the repository is ${repositoryPath}`);
    } else if (processes >= maxProcesses) {
      refuse(response, 503, 'too many git requests at once: let the others end, then try again');
    } else {
      processes++;
      const call = { request, response, repository: mirror, path, query };
      try {
        if (path === '/git-receive-pack') {
          await receive(call);
        } else {
          await runHttpBackend({
            ...call,
            body: request,
            environment: { ...environment, ...gitEnvironment(settings) },
            finishWithoutClient: false,
          });
        }
      } catch {
        // The op log could not be written, or the request broke off: nothing was pushed.
        refuse(response, 500, 'the push could not be recorded and was not made: try again');
      } finally {
        processes--;
        response.end();
      }
    }
  }

  async function receive(
    call: Omit<
      Parameters<typeof runHttpBackend>[0],
      'body' | 'environment' | 'finishWithoutClient'
    >,
  ): Promise<void> {
    const { commands, body } = await readPushRequest(call.request);
    if (commands === undefined) {
      const reason = 'the push is not of the form that git sends';
      await (await begin([])).finish('rejected', reason);
      refuse(call.response, 400, reason);
      return;
    }
    let refusal: string | undefined;
    const operation =
      commands.length === 0
        ? undefined
        : await begin(commands).catch((error: unknown) => {
            if (!(error instanceof OperationBudgetError)) throw error;
            refusal = error.message;
          });
    const end = await runHttpBackend({
      ...call,
      body,
      environment: {
        ...environment,
        ...gitEnvironment({ ...settings, ...forgeSettings(upstream, credentials) }),
        GIT_TERMINAL_PROMPT: '0',
        BOT_BOTTLE_REF: ref,
        BOT_BOTTLE_UPSTREAM: upstream,
        BOT_BOTTLE_CLOSED: refusal ?? closedReason(),
      },
      finishWithoutClient: true,
    });
    if (operation !== undefined) {
      const { outcome, reason, behind } = judge(end);
      if (behind) {
        await refreshBranch();
      }
      await operation.finish(outcome, reason);
    }
  }

  function begin(commands: readonly PushCommand[]): Promise<OpenOperation> {
    return operations.begin({
      operation: 'git_push',
      target: commands
        .map((command) => command.ref.replace(/^refs\/heads\//, ''))
        .join(' ')
        .slice(0, longestTarget),
      ...describeArguments(
        commands.map((command) => `${command.ref} ${command.old}..${command.new}`),
      ),
      write: true,
    });
  }

  function closedReason(): string {
    if (options.isDone()) {
      return 'you have called signal_done, nothing more is pushed in this run';
    }
    return credentials === undefined
      ? 'the forge cannot be reached yet: try again in a few seconds'
      : '';
  }

  /** Brings the branch as the forge has it into the mirror, so that the agent can fetch what it was refused for. */
  async function refreshBranch(): Promise<void> {
    const child = spawn(
      'git',
      [
        'fetch',
        '--quiet',
        '--no-tags',
        '--no-auto-gc',
        '--no-write-fetch-head',
        upstream,
        `+${ref}:${ref}`,
      ],
      {
        cwd: mirror,
        env: {
          ...environment,
          ...gitEnvironment(forgeSettings(upstream, credentials)),
          GIT_TERMINAL_PROMPT: '0',
        },
        stdio: 'ignore',
      },
    );
    await new Promise<void>((resolve) => {
      child.once('close', () => resolve());
      child.once('error', () => resolve());
    });
  }

  return {
    handle,
    setCredentials(next) {
      credentials = next;
    },
  };
}

/** The smart protocol only: the files of the mirror are not served one by one. */
function isSmartRequest(method: string | undefined, path: string, query: string): boolean {
  return method === 'GET'
    ? path === '/info/refs' && /^service=git-(upload|receive)-pack$/.test(query)
    : method === 'POST' && (path === '/git-upload-pack' || path === '/git-receive-pack');
}

/** The outcome of a push, from the hook's verdict. Without one git refused the push before the hook saw it. */
function judge({ verdict, complaint }: BackendEnd): {
  outcome: Operation['outcome'];
  reason?: string;
  behind: boolean;
} {
  const [word = '', ...rest] = verdict.split(' ');
  const reason = rest.join(' ');
  switch (word) {
    case 'ok':
      return { outcome: 'ok', behind: false };
    case 'rejected':
      return { outcome: 'rejected', reason, behind: false };
    case 'behind':
      return { outcome: 'error', reason, behind: true };
    case 'error':
      return { outcome: 'error', reason, behind: false };
    default:
      return {
        outcome: 'error',
        reason: `broken off, or not accepted by git${complaint === '' ? '' : `: ${complaint.slice(-200)}`}`,
        behind: false,
      };
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  if (!response.headersSent) {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`bot-bottle: ${text}\n`);
  }
}
