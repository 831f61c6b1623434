import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bottlePaths } from '../src/bottles/directory.ts';
import { until } from '../test/support/until.ts';
import { startWorld, supervisors, type World } from '../test/support/world.ts';
import { openIssue } from '../test/support/world-issue.ts';
import type { Bench } from './bench.ts';
import type { Figure } from './figure.ts';

const settleMs = 5_000;
const gigabyte = 1_073_741_824;
const line = 'The agent says what it does, at some length, in many lines such as this one.';
const streaming = `
  yes '${line}' | head -c ${gigabyte}
  touch "$HOME/printed"
  sleep 600`;

/** What a supervisor keeps in memory, beside an agent that is silent and beside one that prints 1 GB. */
export async function measureSupervisor(bench: Bench): Promise<Figure[]> {
  const world = await bench.own(() =>
    startWorld({ agents: { idle: 'sleep 600', streaming }, environment: { MAX_BOTTLES: '1' } }),
  );
  const place = await world.repository();

  const idle = await openIssue(world, place, 'idle');
  const { slug: idleSlug } = await idle.reaches('running', 1);
  const idlePid = await supervisorOf(world, idleSlug);
  await delay(settleMs, undefined, { signal: bench.signal });
  const resident = await memoryOf(idlePid, 'VmRSS');
  const idlePeak = await memoryOf(idlePid, 'VmHWM');
  await idle.command('destroy');
  await idle.reaches('destroyed');

  const talker = await openIssue(world, place, 'streaming');
  const { slug } = await talker.reaches('running', 1);
  const pid = await supervisorOf(world, slug);
  const printed = join(bottlePaths(world.dataDirectory, slug).home, 'printed');
  await until('1 GB to be printed', () => existsSync(printed), 120_000);
  const peak = await memoryOf(pid, 'VmHWM');
  const afterwards = await memoryOf(pid, 'VmRSS');
  const started = (await talker.journal(1, slug)).find(({ type }) => type === 'agent-started');
  const startedAt = started !== undefined && 'at' in started ? started.at : Number.NaN;
  const seconds = ((await stat(printed)).mtimeMs - startedAt) / 1000;

  const limits = { unit: 'MiB', at: 'most' } as const;
  return [
    { figure: 'supervisor idle', value: resident, limit: 60, ...limits, raw: { peak: idlePeak } },
    {
      figure: 'supervisor streaming',
      value: peak,
      limit: 100,
      ...limits,
      raw: { afterwards, seconds },
    },
  ];
}

async function supervisorOf(world: World, slug: string): Promise<number> {
  const [pid] = await supervisors(world.dataDirectory, slug);
  if (pid === undefined) {
    throw new Error(`no supervisor lives for ${slug}`);
  }
  return pid;
}

/** MiB, as the kernel counts: what is resident now, or the most that ever was. */
async function memoryOf(pid: number, key: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = new RegExp(`^${key}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1];
  return Number(kibibytes) / 1024;
}
