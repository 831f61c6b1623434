import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isolation, systemDirectories } from '../src/bottles/local/bubblewrap.ts';
import { until } from '../test/support/until.ts';
import { startWorld, type Place, type World } from '../test/support/world.ts';
import { openIssue, type WorldIssue } from '../test/support/world-issue.ts';
import type { Bench } from './bench.ts';
import type { Figure } from './figure.ts';
import { inTurn, median, now } from './measure.ts';
import { eventsOf, toMilliseconds } from './workflow-history.ts';

const rounds = 21;
/** The forge and Temporal go on with an issue for a while after it was opened, or ended: no launch is to wait for that. */
const restMs = 500;
const run = promisify(execFile);
const sayWhen = 'date +%s%N';

/** Milliseconds from the launch's schedule on, of the marks on its way. */
interface Launch {
  readonly supervisorClaims: number;
  readonly agentIsStarted: number;
  readonly firstInstruction: number;
}

/**
 * From the launch scheduled, by Temporal's history, to the agent's first instruction, against the parts that no launch of
 * a sandboxed Node program with a working copy can do without, bare and in sequence, to the same instruction.
 */
export async function measureLaunch(bench: Bench): Promise<Figure[]> {
  const world = await bench.own(() =>
    startWorld({
      agents: { first: `${sayWhen} > "$HOME/first"` },
      environment: { ORCHESTRATOR_LOG_LEVEL: 'info', ORCHESTRATOR_APPROVAL: 'required' },
    }),
  );
  const { path: scratch } = await bench.own(() => mkdtempDisposable(join(tmpdir(), 'launch-')));
  const place = await world.repository();
  const launches: Launch[] = [];
  let clones = 0;
  const ms = await inTurn(
    rounds,
    bench.signal,
    async () => {
      const launch = await launchOnce(world, place);
      launches.push(launch);
      return launch.firstInstruction;
    },
    async () => {
      await delay(restMs);
      return await launchBare(place.repository.cloneUrl, join(scratch, String(++clones)));
    },
  );
  const medianOf = (mark: keyof Launch): number => median(launches.map((launch) => launch[mark]));
  return [
    {
      figure: 'launch',
      value: ms.ours / ms.bare,
      unit: 'ratio',
      limit: 1.5,
      at: 'most',
      raw: {
        oursMs: ms.ours,
        bareMs: ms.bare,
        supervisorClaimsMs: medianOf('supervisorClaims'),
        agentIsStartedMs: medianOf('agentIsStarted'),
      },
    },
  ];
}

async function launchOnce(world: World, place: Place): Promise<Launch> {
  const issue = await openIssue(world, place, 'first');
  await until('the issue to wait for approval', async () => {
    const view = await issue.view();
    return view?.workflow.state === 'open' && view.workflow.awaitsApproval;
  });
  await delay(restMs);
  await issue.command('approve');
  const first = await firstInstruction(world);
  const { slug } = await issue.reaches('frozen', 1);
  const scheduledAt = await launchScheduledAt(issue);
  const journal = await issue.journal(1, slug);
  const since = (type: 'claimed' | 'agent-started'): number => {
    const entry = journal.find((candidate) => candidate.type === type);
    return entry !== undefined && 'at' in entry ? entry.at - scheduledAt : Number.NaN;
  };
  await issue.command('destroy');
  await issue.reaches('destroyed');
  return {
    supervisorClaims: since('claimed'),
    agentIsStarted: since('agent-started'),
    firstInstruction: first - scheduledAt,
  };
}

/**
 * Waits for it, of the only bottle there is, and gives its time in epoch milliseconds. On the disk: who asks the API has the
 * workflow answer queries, on the processors that the launch is measured on.
 */
async function firstInstruction({ dataDirectory }: World): Promise<number> {
  return await until('the first instruction', async () => {
    const [path] = globSync(join(dataDirectory, 'state/bottles/*/home/first'));
    const time = path === undefined ? '' : await readFile(path, 'utf8');
    return time !== '' && Number(time) / 1e6;
  });
}

async function launchScheduledAt(issue: WorldIssue): Promise<number> {
  const scheduled = (await eventsOf(issue.workflow)).find(
    ({ activityTaskScheduledEventAttributes: activity }) =>
      activity?.activityType?.name === 'launchBottle',
  );
  if (scheduled === undefined) {
    throw new Error('no launch was scheduled');
  }
  return toMilliseconds(scheduled.eventTime);
}

/** Node, a clone from the same forge (which the bottle's clone replaces), the sandbox: one after the other. */
async function launchBare(cloneUrl: string, work: string): Promise<number> {
  const begunAt = now();
  await run(process.execPath, ['-e', '0']);
  await run('git', ['clone', '--quiet', cloneUrl, work]);
  const { stdout } = await run('bwrap', [
    ...isolation,
    ...systemDirectories(),
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--bind', work, '/work'],
    ...['--setenv', 'PATH', '/usr/bin:/bin', '--chdir', '/work', '--', 'sh', '-c', sayWhen],
  ]);
  return Number(stdout) / 1e6 - begunAt;
}
