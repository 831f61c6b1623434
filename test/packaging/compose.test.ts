import { randomBytes } from 'node:crypto';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ApiClient } from '../../src/cli/api-client.ts';
import { type GiteaSite, provisionSite } from '../../src/demo/gitea-site.ts';
import type { IssueDetailView } from '../../src/api/views/issue.ts';
import { publishes, saysThatItRuns, succeeds } from '../support/agents.ts';
import { GiteaPerson } from '../support/gitea-person.ts';
import { until } from '../support/until.ts';
import { type ComposeProject, startComposeProject } from './compose-project.ts';

const isRoot = process.getuid?.() === 0;
vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 });

describe.skipIf(!isRoot)('compose.yaml on a Docker Engine', () => {
  let project: ComposeProject;
  let docker: Docker;
  let site: GiteaSite;
  let alice: GiteaPerson;
  let api: ApiClient;

  beforeAll(async () => {
    project = await startComposeProject();
    docker = new Docker({ socketPath: project.engineHost.replace('unix://', '') });
    const secret = randomBytes(16).toString('hex');
    await project.compose('--profile', 'gitea', 'up', '--detach', '--wait', 'gitea', 'temporal');
    site = await provisionSite(
      { url: project.giteaUrl, token: await adminToken() },
      { agent: 'demo', webhook: { url: 'http://orchestrator:8477/webhooks/gitea', secret } },
    );
    alice = new GiteaPerson(site.person, site.repository);
    await project.configure({
      FORGE_GITEA_API: 'http://gitea:3000/api/v1',
      FORGE_TOKEN: site.bot.token,
      FORGE_WEBHOOK_SECRET: secret,
      COMMENT_DEBOUNCE: '1s',
    });
    await project.compose('up', '--detach', '--wait', 'orchestrator');
    await write('bottles/default.md', '---\nbackend: local\n---\n');
    await write(
      'agents/demo.md',
      '---\nprovider: script\nbottle: default\ncommand: ["node", "/opt/bottle/demo-agent.mjs"]\n---\n',
    );
    const token = (await inOrchestrator('cat "$ORCHESTRATOR_DATA_DIR/api-token"')).trim();
    api = new ApiClient({ url: project.orchestratorUrl, token, tokenSource: 'the volume' });
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
  });

  async function adminToken(): Promise<string> {
    const gitea = (...args: string[]): Promise<string> =>
      project.compose(
        'exec',
        '-T',
        'gitea',
        'gitea',
        '--config',
        '/etc/gitea/app.ini',
        'admin',
        'user',
        ...args,
      );
    const account = ['--username', 'site-admin', '--email', 'site-admin@localhost.invalid'];
    await gitea('create', ...account, '--random-password', '--admin');
    const output = await gitea(
      'generate-access-token',
      ...['--username', 'site-admin', '--token-name', 'test', '--scopes', 'all', '--raw'],
    );
    return output.trim().split('\n').at(-1) ?? '';
  }

  const inOrchestrator = (script: string, ...args: string[]): Promise<string> =>
    project.compose('exec', '-T', 'orchestrator', 'sh', '-ec', script, 'sh', ...args);

  async function write(path: string, text: string): Promise<void> {
    const script = 'cd "$ORCHESTRATOR_DATA_DIR"; mkdir -p "$(dirname "$1")"; printf %s "$2" > "$1"';
    await inOrchestrator(script, path, text);
  }

  async function openIssue(agent: string, body: string): Promise<number> {
    const labels = [`bot-bottle:${agent}`];
    return await alice.openIssue({ title: 'A task', body, labels, assignees: ['bot'] });
  }

  async function reaches(number: number, phase: string, run: number): Promise<IssueDetailView> {
    const name = { owner: 'acme', repository: 'widgets', number };
    let last: IssueDetailView | undefined;
    return await until(
      `#${number} to be ${phase}`,
      async () => {
        last = await api.issue(name).catch(() => last);
        return last?.phase === phase && last.run === run ? last : undefined;
      },
      90_000,
    ).catch((error: Error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(last)}`);
    });
  }

  test('is healthy, and an issue becomes a merged pull request in a sandbox of bubblewrap', async () => {
    const number = await openIssue('demo', 'Create hello.txt with "Hello, world".');
    const { backend, runs, pullRequest } = await reaches(number, 'frozen', 1);
    expect(backend).toBe('local');
    expect(runs).toMatchObject([{ outcome: 'done', exitCode: 0 }]);

    await alice.merge(pullRequest?.number ?? 0);
    await reaches(number, 'destroyed', 1);
    expect(await inOrchestrator('orchestrator status --all')).toContain(`#${number}`);
  });

  test('the orchestrator is no root there, has no capability, and sees neither the host nor an Engine', async () => {
    const id = (await project.compose('ps', '--quiet', 'orchestrator')).trim();
    const { Config, HostConfig, Mounts } = await docker.getContainer(id).inspect();
    expect(Config.User).toBe('bot-bottle');
    expect(HostConfig).toMatchObject({
      Privileged: false,
      CapAdd: null,
      CapDrop: ['ALL'],
      ReadonlyRootfs: true,
    });
    expect(Mounts.map(({ Destination, Type }) => [Destination, Type])).toEqual([
      ['/var/lib/bot-bottle', 'volume'],
    ]);
    expect(await inOrchestrator('grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status')).toMatch(
      /CapEff:\s+0+\n[^]*CapBnd:\s+0+\n[^]*NoNewPrivs:\s+1\n/,
    );
  });

  test('a container that replaces the orchestrator’s finds everything; a run meanwhile is lost, and a comment goes on from it', async () => {
    const waits = `set -e${saysThatItRuns}
      if [ "$(wc -l < "$HOME/starts")" -eq 1 ]; then sleep 600; fi${publishes}${succeeds}`;
    const command = JSON.stringify(['sh', '-c', waits]);
    const front = ['provider: script', 'bottle: default', `command: ${command}`];
    await write('agents/waiter.md', `---\n${front.join('\n')}\n---\n`);
    const number = await openIssue('waiter', 'Please.');
    await reaches(number, 'running', 1);
    await until('the agent to wait', async () =>
      (await inOrchestrator('orchestrator logs "$1"', `acme/widgets#${number}`)).includes(
        'start 1',
      ),
    );

    const replace = ['--force-recreate', '--no-deps', 'orchestrator'];
    await project.compose('up', '--detach', '--wait', ...replace);

    expect((await reaches(number, 'frozen', 1)).runs).toMatchObject([{ run: 1, outcome: 'lost' }]);
    await alice.comment(number, 'Go on.');
    const { runs } = await reaches(number, 'frozen', 2);
    expect(runs).toMatchObject([{ outcome: 'lost' }, { outcome: 'done', exitCode: 0 }]);
    expect(await inOrchestrator('orchestrator logs "$1"', `acme/widgets#${number}`)).toMatch(
      /^start 2\n/,
    );
  });

  test.each([
    ['any security option', {}, /local: this system refuses user namespaces/],
    [
      'a whole /proc',
      { SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'] },
      /local: a sandbox gets no \/proc of its own here/,
    ],
  ])('without %s it is not ready, and says why', async (_, options, reason) => {
    const container = await docker.createContainer({
      Image: 'bot-bottle-orchestrator',
      Env: ['FORGE_GITEA_API=http://127.0.0.1:1/api/v1', 'FORGE_TOKEN=t', 'FORGE_WEBHOOK_SECRET=s'],
      HostConfig: { NetworkMode: 'none', ...options },
      Healthcheck: { Interval: 1e9 },
    });
    try {
      await container.start();
      const { Health } = await until('it to be looked at', async () => {
        const { State } = await container.inspect();
        return State.Health?.Log.some(({ Output }) => Output.includes('"checks"'))
          ? State
          : undefined;
      });
      expect(Health?.Status).not.toBe('healthy');
      expect(Health?.Log.at(-1)?.Output).toMatch(reason);
    } finally {
      await container.remove({ force: true, v: true });
    }
  });
});
