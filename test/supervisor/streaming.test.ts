import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bottlePaths, runPaths } from '../../src/bottles/directory.ts';
import type { ProviderName } from '../../src/domain/agent.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { ordered, giveCredentials, HostFixture, never, Recorder } from '../bottles/host-fixture.ts';
import { until } from '../support/until.ts';

const MiB = 1024 * 1024;

function residentMiB(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

describe('a supervisor', () => {
  test.each<[what: string, provider: ProviderName, script: string]>([
    ['zeros', 'script', 'head -c 1073741824 /dev/zero; echo'],
    [
      'one event of claude',
      'claude',
      `printf '{"type":"assistant","message":"'; head -c 1073741824 /dev/zero | tr '\\0' x; echo '"}'`,
    ],
    [
      'many events of claude',
      'claude',
      `yes '{"type":"assistant","message":{"id":"1","content":[{"type":"text","text":"${'x'.repeat(4000)}"}]}}' | head -c 1073741824; echo`,
    ],
  ])(
    'takes 1 GB of output, %s, in bounded memory and on bounded disk, head and tail kept',
    async (what, provider, script) => {
      await using fixture = await HostFixture.make();
      const request = fixture.request(`echo begin; ${script}; echo finish; sleep 1000`, {
        provider,
      });
      await fixture.host.launch(request, ordered(request), never);
      const run = runPaths(bottlePaths(fixture.dataDirectory, request.slug).runs, 1);
      const pid = (await readJournal(run.journal))?.header?.supervisor?.pid ?? 0;
      const idle = residentMiB(pid, 'VmRSS');
      await until(
        'the end of the output',
        async () => (await tailOf(fixture, request)).includes('finish'),
        100_000,
      );
      const peak = residentMiB(pid, 'VmHWM');
      const pieces = readdirSync(run.root).filter((name) => name.startsWith('output.log'));
      const kept = pieces.reduce((sum, name) => sum + statSync(join(run.root, name)).size, 0);
      await fixture.host.stop(request, 'cancelled');
      console.log(
        `supervisor: ${idle.toFixed(1)} MiB after the launch, at most ${peak.toFixed(1)} MiB with ${what}`,
      );

      expect(idle).toBeLessThanOrEqual(75);
      expect(peak).toBeLessThanOrEqual(100);
      expect(kept).toBeLessThanOrEqual(64 * MiB);
      const output = await fixture.output(request);
      expect(output.startsWith('begin\n')).toBe(true);
      expect(output).toMatch(
        /\n\[(… \d+ bytes left out …|an event of \d+ bytes is left out: .*)\]\n/,
      );
      expect(output.endsWith('\nfinish\n')).toBe(true);
    },
    120_000,
  );

  test.skipIf(process.getuid?.() !== 0)(
    'ends its run with the reason when the disk is full (needs root to mount a small one)',
    async () => {
      const directory = await mkdtemp(join(tmpdir(), 'full-'));
      const disk = join(directory, 'data');
      await mkdir(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'full-test', disk]);
      const fixture = await HostFixture.make({ directory });
      try {
        const request = fixture.request('echo ready; cat /dev/zero > fill; while :; do yes; done');
        await fixture.host.launch(request, ordered(request), never);
        const end = await fixture.host.watch(request, giveCredentials, new Recorder(), never);

        expect(end).toMatchObject({ outcome: 'lost', reason: expect.stringContaining('full') });
        await fixture.host.destroy(request.slug);
        expect(await fixture.host.list()).toEqual([]);
      } finally {
        execFileSync('umount', ['--lazy', disk]);
        await fixture[Symbol.asyncDispose]();
      }
    },
    90_000,
  );
});

async function tailOf(
  fixture: HostFixture,
  request: Parameters<HostFixture['output']>[0],
): Promise<string> {
  const run = runPaths(bottlePaths(fixture.dataDirectory, request.slug).runs, 1);
  const newest = readdirSync(run.root)
    .filter((name) => name.startsWith('output.log'))
    .toSorted((a, b) => Number(a.slice(11)) - Number(b.slice(11)))
    .at(-1);
  if (newest === undefined) return '';
  // Meanwhile so much may have been written that it is gone.
  const tail = await readFile(join(run.root, newest)).catch(() => Buffer.alloc(0));
  return tail.subarray(-100).toString();
}
