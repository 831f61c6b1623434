import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { saysThatItRuns, succeeds } from '../support/agents.ts';
import { openIssue, type WorldIssue } from '../support/world-issue.ts';
import { startWorld, type World } from '../support/world.ts';

/** What an agent finds when it looks around, and when it tries what it may not. */
let world: World;
let spy: WorldIssue;
let output: string;

/** Each question prints one line: `<name>: <answer>`. */
const questions = `${saysThatItRuns}
  answer() { name="$1"; shift; if "$@" > /tmp/said 2>&1; then echo "$name: yes"; else echo "$name: no"; fi; }
  echo "environment: $(env | tr '\\n' ' ')"
  echo "processes: $(cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' ')"
  echo "commands: $(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ')"
  echo "git: $(git config --list --show-origin | tr '\\n' ' ')"
  cd /
  answer token-in-files grep -rqsF "$CANARY_TOKEN" /etc /home /opt /root /run /tmp /var /work
  answer host-secret cat "$HOST_SECRET"
  answer other-bottles ls "$HOST_BOTTLES"
  answer proc-1-root cat "/proc/1/root$HOST_SECRET"
  answer write-usr touch /usr/bin/mine
  answer write-runtime touch /opt/bottle/mine
  answer gitea node -e "fetch('$GITEA_URL/api/v1/version').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"
  answer gitea-direct node -e "require('net').connect($GITEA_PORT, '127.0.0.1').on('connect', () => process.exit(0)).on('error', () => process.exit(1))"
  answer orchestrator-direct node -e "require('net').connect($ORCHESTRATOR_PORT, '127.0.0.1').on('connect', () => process.exit(0)).on('error', () => process.exit(1))"
  answer internet node -e "require('net').connect(53, '1.1.1.1').on('connect', () => process.exit(0)).on('error', () => process.exit(1))"
  echo "interfaces: $(ls /sys/class/net 2>/dev/null | tr '\\n' ' ')$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr '\\n' ' ')"
  cd /work
  answer comment-elsewhere forge post-comment "$OTHER_ISSUE" --body "hello"
  echo "said: $(cat /tmp/said)"
  git commit --quiet --allow-empty --message mine
  answer push-main git push origin HEAD:refs/heads/main
  echo "said: $(tr '\\n' ' ' < /tmp/said)"
  answer push-other git push origin HEAD:refs/heads/bot-bottle/issue-$OTHER_ISSUE
  answer push-own git push origin HEAD
  ${succeeds}`;

beforeAll(async () => {
  world = await startWorld({
    agents: {
      victim: `${saysThatItRuns}
        echo private > "$HOME/private"
        while :; do echo "still here"; sleep 1; done`,
    },
    environment: { MAX_BOTTLES: '4' },
  });
  const place = await world.repository();
  const victim = await openIssue(world, place, 'victim');
  const { slug } = await victim.reaches('running', 1);
  const hostSecret = join(world.dataDirectory, 'secret-of-the-host');
  await writeFile(hostSecret, 'secret', { mode: 0o644 });
  const { token } = world.gitea.bot;
  const asked = Object.entries({
    // Only a part: the whole would be found in the question itself.
    CANARY_TOKEN: token.slice(4, 20),
    HOST_SECRET: hostSecret,
    HOST_BOTTLES: join(world.dataDirectory, 'state', 'bottles', slug, 'home'),
    GITEA_URL: world.gitea.url,
    GITEA_PORT: new URL(world.gitea.url).port,
    ORCHESTRATOR_PORT: new URL(world.orchestrator.url).port,
    OTHER_ISSUE: String(victim.number),
  }).map(([name, value]) => `${name}='${value}'`);
  await world.addAgent('spy', `${asked.join('; ')}; ${questions}`);
  spy = await openIssue(world, place, 'spy');
  await spy.reaches('frozen', 1);
  output = await spy.output(1);
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

function answerTo(name: string): string {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(output)?.[1] ?? 'was not asked';
}

test('there is no token in its environment, its processes, its files, its git configuration', () => {
  const { token } = world.gitea.bot;
  expect(output).not.toContain(token);
  expect(answerTo('token-in-files')).toBe('no');
  expect(answerTo('environment')).not.toMatch(/FORGE_TOKEN|WEBHOOK_SECRET|TEMPORAL|ORCHESTRATOR/);
  expect(answerTo('processes')).not.toMatch(/FORGE_TOKEN|WEBHOOK_SECRET|TEMPORAL_ADDRESS/);
  expect(answerTo('git')).not.toMatch(/extraheader|credential|password/i);
});

test('it reaches no network: not the forge, not the orchestrator, not the internet', () => {
  for (const name of ['gitea', 'gitea-direct', 'orchestrator-direct', 'internet']) {
    expect([name, answerTo(name)]).toEqual([name, 'no']);
  }
  expect([...new Set(answerTo('interfaces').trim().split(/\s+/))]).toEqual(['lo']);
});

test("it sees neither the host's files nor another bottle's, and changes no program", () => {
  for (const name of [
    'host-secret',
    'other-bottles',
    'proc-1-root',
    'write-usr',
    'write-runtime',
  ]) {
    expect([name, answerTo(name)]).toEqual([name, 'no']);
  }
});

test('it sees no process but its own', () => {
  expect(answerTo('commands')).not.toMatch(/supervisor\.cjs|main\.js|gitea|temporal server/);
});

test('a comment on an issue that is not its own is refused and recorded', async () => {
  expect(answerTo('comment-elsewhere')).toBe('no');
  expect(output).toMatch(/said: .*is not yours to write/);
  const rejected = (await spy.operations()).filter(({ operation }) => operation === 'post_comment');
  expect(rejected).toMatchObject([
    { outcome: 'rejected', reason: expect.stringContaining('ForgeScopeError') },
  ]);
});

test('a push to a branch that is not its own is refused and recorded; one to its own is not', async () => {
  expect(answerTo('push-main')).toBe('no');
  expect(answerTo('push-other')).toBe('no');
  expect(answerTo('push-own')).toBe('yes');
  expect(output).toMatch(/said: .*remote: .*bot-bottle\/issue-\d+/);
  const pushes = (await spy.operations()).filter(({ operation }) => operation === 'git_push');
  expect(pushes.map(({ outcome }) => outcome)).toEqual(['rejected', 'rejected', 'ok']);
});
