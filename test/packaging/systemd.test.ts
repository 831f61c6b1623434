import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { descendantsOf, isRunning } from '../demo/processes.ts';
import { publishes, saysThatItRuns, succeeds } from '../support/agents.ts';
import { until } from '../support/until.ts';
import { openIssue, type WorldIssue } from '../support/world-issue.ts';
import { startWorld, supervisors, type World } from '../support/world.ts';
import { cgroups, type KillMode, readService, UnitCgroup } from './systemd-unit.ts';

const unit = readService('bot-bottle-orchestrator.service');
const killMode = unit.get('KillMode')?.at(-1) as KillMode;
const timeoutMs = Number(unit.get('TimeoutStopSec')?.at(-1)) * 1000;

describe('the unit of the orchestrator', () => {
  test('keeps what supervisors need beyond a restart: their sockets, and where they lie', () => {
    expect(unit.get('RuntimeDirectoryPreserve')).toEqual(['yes']);
    const [directory] = unit.get('RuntimeDirectory') ?? [];
    expect(unit.get('Environment')).toContain(`XDG_RUNTIME_DIR=/run/${directory}`);
    expect(unit.get('Environment')).toContain(
      `ORCHESTRATOR_DATA_DIR=/var/lib/${unit.get('StateDirectory')?.[0]}`,
    );
    // Gone with the unit, or another one in the next.
    for (const name of ['PrivateTmp', 'DynamicUser', 'ExecStopPost']) {
      expect(unit.has(name), name).toBe(false);
    }
  });

  test('does not end because an agent wanted too much memory', () => {
    expect(unit.get('OOMPolicy')).toEqual(['continue']);
  });

  test('has no hardening under which bubblewrap makes no sandbox, and none under which Node does not run', () => {
    const hostile =
      /^(RestrictNamespaces|ProtectKernelTunables|ProtectKernelLogs|ProtectProc|ProcSubset|SystemCallFilter|MemoryDenyWriteExecute)$/;
    expect([...unit.keys()].filter((name) => hostile.test(name))).toEqual([]);
  });

  test('is not started again and again with settings that are wrong', () => {
    expect(unit.get('Restart')).toEqual(['always']);
    expect(unit.get('RestartPreventExitStatus')).toEqual(['2']);
  });
});

describe.skipIf(cgroups === undefined)('a restart of the unit, while an agent works', () => {
  let world: World;
  let cgroup: UnitCgroup;
  let issue: WorldIssue;

  beforeEach(async () => {
    world = await startWorld({
      agents: {
        worker: `set -e${saysThatItRuns}
          until [ -e "$HOME/go" ]; do echo working; sleep 0.2; done${publishes}${succeeds}`,
      },
    });
    const { pid } = world.orchestrator;
    cgroup = new UnitCgroup(world.dataDirectory);
    cgroup.add(pid);
    for (const child of descendantsOf(pid)) cgroup.add(child.pid);
    issue = await openIssue(world, await world.repository(), 'worker');
    await issue.printed(1, /working/);
  });
  afterEach(async () => {
    await world?.[Symbol.asyncDispose]();
    await cgroup?.[Symbol.asyncDispose]();
  });

  /** As systemd does it. */
  async function restart(mode: KillMode): Promise<void> {
    const { orchestrator } = world;
    await cgroup.stop(mode, orchestrator.pid, timeoutMs);
    orchestrator.spawn();
    cgroup.add(orchestrator.pid);
    await orchestrator.answers('/readyz');
  }

  async function pidOfSupervisor(): Promise<number> {
    const { slug } = await until('the issue', () => issue.view());
    return await until('the supervisor', async () => {
      const [pid] = await supervisors(world.dataDirectory, slug);
      return pid;
    });
  }

  test('the bottle goes on, and the next orchestrator attaches to it', async () => {
    const before = await pidOfSupervisor();
    expect(cgroup.members()).toContain(before);
    const main = world.orchestrator.pid;

    await restart(killMode);

    expect(isRunning(main)).toBe(false);
    expect(await pidOfSupervisor()).toBe(before);
    const printed = (await issue.output(1)).length;
    await until('more output', async () => (await issue.output(1)).length > printed);
    await world.write(`state/bottles/${(await issue.view())?.slug}/home/go`, '');
    await issue.worked(1);
    const { runs } = await issue.reaches('frozen', 1);
    expect(runs).toMatchObject([{ run: 1, outcome: 'done', exitCode: 0 }]);
    expect(await issue.output(1)).toMatch(/^start 1\n/);
    expect(await issue.reports()).toEqual([]);
  });

  test('by systemd’s default the run would be lost', async () => {
    await restart('control-group');
    const { runs } = await issue.reaches('frozen', 1);
    expect(runs).toMatchObject([{ run: 1, outcome: 'lost' }]);
  });
});
