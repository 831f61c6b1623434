import { basename } from 'node:path';
import { inside } from '../bottles/directory.ts';
import type { LaunchRequest } from '../bottles/host.ts';
import { repositoryPath } from './git-gate/git-gate.ts';
import type { CloneOrder } from '../bottles/launch-protocol.ts';

const door = inside.doorUrl;

/** All that the agent finds in its environment. */
export function agentEnvironment(request: LaunchRequest): Record<string, string> {
  const { name, email } = request.gitIdentity;
  return {
    PATH: pathOf(request),
    HOME: inside.home,
    USER: 'agent',
    LOGNAME: 'agent',
    SHELL: '/bin/sh',
    LANG: 'C.UTF-8',
    ...proxyEnvironment(),
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
    FORGE_ISSUE_NUMBER: String(request.issueNumber),
    FORGE_PR_NUMBER: request.pullRequestNumber?.toString() ?? '',
    ...request.environment,
  };
}

/** A tool is a program, or a directory with a `bin`. None of them takes the place of `node` and `forge`. */
function pathOf({ tools = [] }: LaunchRequest): string {
  const [own, ...system] = inside.path.split(':');
  const bins = tools.map((path) => `${inside.tools}/${basename(path)}/bin`);
  return [own, ...(bins.length > 0 ? [inside.tools, ...bins] : []), ...system].join(':');
}

/** How the working copy of a new bottle is made. */
export function cloneOrder(request: LaunchRequest, branchExists: boolean): CloneOrder {
  return {
    url: `${door}${repositoryPath}`,
    branch: request.branch,
    branchExists,
    settings: {
      'user.name': request.gitIdentity.name,
      'user.email': request.gitIdentity.email,
      // `git push` without arguments goes to the bottle's own branch, the only one it may push.
      'push.default': 'current',
    },
  };
}

/** Both spellings, since programs differ; Node's `fetch` asks to be told. */
function proxyEnvironment(): Record<string, string> {
  const local = '127.0.0.1,localhost';
  return {
    HTTP_PROXY: door,
    HTTPS_PROXY: door,
    NO_PROXY: local,
    http_proxy: door,
    https_proxy: door,
    no_proxy: local,
    NODE_USE_ENV_PROXY: '1',
  };
}
