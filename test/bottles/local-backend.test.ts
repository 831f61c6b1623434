import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLocalBackend } from '../../src/bottles/local/local-backend.ts';
import { seccompProgram } from '../../src/bottles/local/seccomp.ts';
import { describeBackend } from '../contracts/backend.ts';
import { HostFixture } from './host-fixture.ts';

describeBackend(createLocalBackend());
describeBackend(createLocalBackend(), { spares: true });

/** add_key, request_key, keyctl, perf_event_open, bpf, userfaultfd, and keyctl by its x32 number. */
const numbers: Partial<Record<NodeJS.Architecture, readonly number[]>> = {
  x64: [248, 249, 250, 298, 321, 323, 0x40000000 + 250],
  arm64: [217, 218, 219, 241, 280, 282],
};
const perl = spawnSync('perl', ['-e', '1']).status === 0;

describe('a bottle on this machine', () => {
  let fixture: HostFixture;
  beforeAll(async () => {
    fixture = await HostFixture.make();
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  test.skipIf(!perl)('has no way to the host’s keyrings', async () => {
    const calls = numbers[process.arch] ?? [];
    const request = fixture.request(
      [
        ...calls.map((number) => `perl -e 'syscall(${number}, 0, -3, 0, 0, 0); print $!, "\\n"'`),
        'grep -E "^Seccomp:" /proc/self/status /proc/1/status',
        'ls -l /proc/self/fd | grep -c "[0-9] ->"',
      ].join('\n'),
    );
    await fixture.run(request);
    const [others, refused] = [calls.slice(6), calls.slice(0, 6)];
    expect((await fixture.output(request)).trim().split('\n')).toEqual([
      ...refused.map(() => 'Operation not permitted'),
      ...others.map(() => 'Function not implemented'),
      '/proc/self/status:Seccomp:\t2',
      '/proc/1/status:Seccomp:\t2',
      // stdin, stdout, stderr, and the listing itself.
      '4',
    ]);
  });

  test('starts again after its agent closed its working copy and its home to itself', async () => {
    const request = fixture.request('chmod 000 /home/agent /work');
    await fixture.run(request);
    const again = fixture.request('cat readme.md; touch ~/note');
    const next = { ...again, slug: request.slug, workflowId: request.workflowId, run: 2 };
    await fixture.host.freeze(request.slug);
    await fixture.run(next);
    expect(await fixture.output(next)).toBe('hello\n');
  });
});

test('no filter of system calls is made up for a processor that is not known', () => {
  expect(() => seccompProgram('s390x')).toThrow('no filter of system calls is known for');
});
