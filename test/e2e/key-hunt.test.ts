import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { listSandboxProcesses } from '../../src/bottles/local/sandbox-processes.ts';
import { bottlePaths } from '../../src/bottles/directory.ts';
import type { NextTurn, Turn } from '../../src/demo/model-turn.ts';
import { dockerStage } from '../support/docker.ts';
import {
  huntDocker,
  huntFiles,
  huntForge,
  huntHistory,
  huntProcesses,
  huntStore,
} from '../support/key-hunt.ts';
import { type ModelAgent, type ModelWorld, startModelWorld } from '../support/model-world.ts';
import { until } from '../support/until.ts';
import { openIssue, type WorldIssue } from '../support/world-issue.ts';
import type { World } from '../support/world.ts';

/** Where the key of a model's route could be seen, while a real agent works with it and afterwards. */
const stage = await dockerStage();
const bottles = stage === undefined ? (['local'] as const) : (['local', 'docker'] as const);
const docker = new Docker({ socketPath: stage?.engine.host.replace('unix://', '') ?? '' });
const echoedStatuses = [200, 400, 401, 403, 404, 429, 500, 529];

let stand: ModelWorld;
let world: World;

beforeAll(async () => {
  const agents: Record<string, ModelAgent> = {};
  for (const bottle of bottles) agents[bottle] = { cli: 'claude', bottle, model: lookAround };
  for (const status of echoedStatuses) {
    agents[`echo-${status}`] = {
      cli: 'claude',
      bottle: 'local',
      model: () => echo(status),
    };
  }
  stand = await startModelWorld({ agents, docker: stage });
  ({ world } = stand);
});
afterAll(async () => {
  await stand?.[Symbol.asyncDispose]();
  await stage?.[Symbol.asyncDispose]();
});

/** A model server that tells everybody what it was asked with. */
function echo(status: number): Turn {
  const { key } = stand;
  if (status === 200) return { say: `what is ${key}?` };
  const fail = {
    status,
    type: 'invalid_request_error',
    message: `what is ${key}?`,
    headers: { 'request-id': key, 'x-ratelimit-key': key, 'www-authenticate': key, cookie: key },
    fields: { [key]: key, 'x-api-key': key },
  };
  return { fail };
}

/** Asks for a command each, until the test has looked from outside. */
const lookAround: NextTurn = ({ steps }) => {
  // Matches the key, and not itself.
  const pattern = stand.key.replace(/^s(.{24}).*$/, '[s]$1');
  const search = `(cd / && { { env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/maps 2> /dev/null | tr '\\0' '\\n'; } | grep -ac '${pattern}'; grep -rla --devices=skip '${pattern}' work home run tmp var etc root dev/shm opt/bottle 2> /dev/null; echo searched; })`;
  const ask = (path: string, model: string): string =>
    `curl -sS -i -m 20 -w '\\n' http://127.0.0.1:3128/llm/${path} -H 'content-type: application/json' -H 'x-api-key: mine' -d '{"model":"${model}","max_tokens":1,"messages":[],"tools":[{"name":"bash"}]}'`;
  const commands = [
    [
      ...echoedStatuses.map((status) => ask('anthropic/v1/messages', `echo-${status}`)),
      ask('anthropic/v1/messages', 'nobody'),
      ask('anthropic/v1/files', 'nobody'),
      ask('elsewhere/v1/messages', 'nobody'),
      ask('openai/v1/messages', 'nobody'),
    ].join('; '),
    search,
    'touch looking; until [ -e looked ]; do sleep 0.2; done; rm looking looked',
    'forge signal-done success "looked around"',
  ];
  const command = commands[steps.filter(({ kind }) => kind === 'result').length];
  return command === undefined ? { say: 'That was all.' } : { run: command };
};

/** Everywhere that is told apart by the issue, and everywhere else. */
async function hunt(issue: WorldIssue, slug: string): Promise<Record<string, string[]>> {
  const { key } = stand;
  const { dataDirectory } = world;
  return {
    processes: await huntProcesses(key),
    // Working copy, home, journal, log, orders and prompt of the bottle, the orchestrator's log, the store's file.
    files: await huntFiles(key, dataDirectory),
    store: huntStore(key, dataDirectory),
    history: await huntHistory(key, issue),
    forge: await huntForge(key, issue),
    docker: stage === undefined ? [] : await huntDocker(key, docker, slug),
  };
}

const nowhere = { processes: [], files: [], store: [], history: [], forge: [], docker: [] };

describe.concurrent('the key of a model', () => {
  test.for(bottles)(
    'is nowhere that an agent in a %s bottle, or anybody else, could read it',
    { timeout: 180_000 },
    async (bottle, { expect }) => {
      const issue = await openIssue(world, await world.repository(), bottle);
      const { slug } = await issue.reaches('running', 1);
      const { work } = bottlePaths(world.dataDirectory, slug);
      await until('the agent to have looked', () => existsSync(join(work, 'looking')), 60_000);
      expect(listSandboxProcesses(slug).length).toBeGreaterThan(1);
      expect(await hunt(issue, slug)).toEqual(nowhere);
      await writeFile(join(work, 'looked'), '');

      await issue.reaches('frozen', 1);
      expect(await hunt(issue, slug)).toEqual(nowhere);
      const results = stand.conversations
        .findLast(({ model }) => model === bottle)
        ?.steps.flatMap((step) => (step.kind === 'result' ? [step.text] : []));
      expect(results?.[0]?.match(/^HTTP\/1\.1 \d+/gm)).toHaveLength(echoedStatuses.length + 4);
      expect(results?.[0]).toContain('what is [redacted]?');
      expect(results?.[0]).not.toContain(stand.key);
      expect(results?.[1]).toBe('0\nsearched');
      // It was really used.
      expect(stand.requests.every(({ headers }) => headers['x-api-key'] === stand.key)).toBe(true);
    },
  );
});
