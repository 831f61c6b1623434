import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { killSandboxProcesses } from '../../src/bottles/local/sandbox-processes.ts';

/** Waits for ever, under bubblewrap's name. */
async function spawnUnfinished(argument: string, uid?: number) {
  const child = spawn('sh', ['-c', 'read line', argument], {
    argv0: 'bwrap',
    stdio: ['pipe', 'ignore', 'ignore'],
    ...(uid === undefined ? {} : { uid }),
  });
  await once(child, 'spawn');
  return { child, exited: once(child, 'exit') };
}

describe('a sandbox whose supervisor was killed before bubblewrap watched for that', () => {
  test('is ended with its bottle, and no other bottle’s', async () => {
    const ours = await spawnUnfinished('/data/state/bottles/ours-00000001/work');
    const other = await spawnUnfinished('/data/state/bottles/other-00000001/work');
    await killSandboxProcesses('ours-00000001', undefined);
    expect(await ours.exited).toEqual([null, 'SIGKILL']);
    expect(other.child.exitCode).toBeNull();
    other.child.kill('SIGKILL');
    await other.exited;
  });

  test.skipIf(process.getuid?.() !== 0)('is known by the user that its bottle has', async () => {
    const ours = await spawnUnfinished('/mnt/work', 299_999);
    const other = await spawnUnfinished('/mnt/work', 299_998);
    await killSandboxProcesses('ours-00000002', 299_999);
    expect(await ours.exited).toEqual([null, 'SIGKILL']);
    expect(other.child.exitCode).toBeNull();
    other.child.kill('SIGKILL');
    await other.exited;
  });
});
