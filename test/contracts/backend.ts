import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BottleBackend } from '../../src/bottles/backend.ts';
import { bottlePaths } from '../../src/bottles/directory.ts';
import { credentials, HostFixture, never, ordered } from '../bottles/host-fixture.ts';
import { until } from '../support/until.ts';

/** What every backend must do, below the real supervisor. */
export function describeBackend(makeBackend: () => BottleBackend): void {
  const backend = makeBackend();

  describe(`the backend ${backend.name}`, () => {
    let fixture: HostFixture;

    beforeAll(async () => {
      fixture = await HostFixture.make({ backend });
    });
    afterAll(async () => {
      await fixture[Symbol.asyncDispose]();
    });

    async function outputOf(script: string): Promise<string> {
      const request = fixture.request(script);
      await fixture.run(request);
      return await fixture.output(request);
    }

    test('works on this machine', async () => {
      expect(await backend.check()).toMatchObject({ usable: true });
    });

    test('gives the agent nothing of the host’s environment', async () => {
      const output = await outputOf('env; tr "\\0" "\\n" < /proc/1/environ');
      const names = output.split('\n').map((line) => line.split('=', 1)[0] ?? '');

      const known =
        /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|PWD|SHLVL|_|OLDPWD|NODE_USE_ENV_PROXY|(https?|no)_proxy|FORGE_ISSUE_NUMBER|FORGE_PR_NUMBER|GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL)|)$/i;
      expect(names.filter((name) => !known.test(name))).toEqual([]);
      expect(output).not.toContain(credentials.token);
    });

    test('shows the agent no process but the bottle’s own', async () => {
      const pids = (await outputOf('ls /proc | grep -E "^[0-9]+$"')).trim().split('\n');
      expect(pids.length).toBeLessThan(8);
    });

    test('shows the agent no file of the host or of another bottle', async () => {
      const other = fixture.request('echo secret > note');
      await fixture.run(other);
      const paths = bottlePaths(fixture.dataDirectory, other.slug);
      const output = await outputOf(
        `cat ${paths.work}/note ${fixture.dataDirectory}/orchestrator.lock /etc/shadow /etc/hostname ~root/.bashrc; ls /root /home; find / -xdev -name note`,
      );
      expect(output).not.toMatch(/secret|root:[^x]/);
      expect(output.split('\n').filter((line) => /^\/.*note$/.test(line))).toEqual([]);
      expect(output).toMatch(/agent/);
    });

    test('lets the agent write nothing but its working copy, its home and temporary files', async () => {
      const places = [
        '/',
        '/usr',
        '/etc',
        '/run',
        '/run/bottle',
        '/opt/bottle',
        '/opt/bottle/bin',
        '/work',
        '/home/agent',
        '/tmp',
      ];
      const output = await outputOf(
        `for place in ${places.join(' ')}; do touch $place/x 2>/dev/null && echo $place; done`,
      );
      expect(output.trim().split('\n')).toEqual(['/work', '/home/agent', '/tmp']);
    });

    test('shows the agent the tools of its bottle, read-only, as a directory and as a file', async () => {
      const tools = await realpath(await mkdtemp(join(tmpdir(), 'tools-')));
      await chmod(tools, 0o700);
      const program = "it's a tool";
      await mkdir(join(tools, 'kit/bin'), { recursive: true });
      await writeFile(join(tools, 'kit/bin/hello'), '#!/bin/sh\necho hello\n', { mode: 0o755 });
      await writeFile(join(tools, program), '#!/bin/sh\necho alone\n', { mode: 0o755 });
      const request = {
        ...fixture.request(
          `/opt/tools/kit/bin/hello; "/opt/tools/${program}"; ls /opt/tools; touch /opt/tools/x /opt/tools/kit/x 2>&1 | wc -l`,
        ),
        tools: [join(tools, 'kit'), join(tools, program)],
      };
      await fixture.run(request);
      await rm(tools, { recursive: true });
      expect((await fixture.output(request)).trim().split('\n')).toEqual([
        'hello',
        'alone',
        program,
        'kit',
        '2',
      ]);
    });

    test('gives the agent no network but the door', async () => {
      const output = await outputOf(
        [
          'curl -sS --max-time 3 --noproxy "*" http://198.51.100.1/ 2>&1',
          'curl -sS --max-time 3 -o /dev/null -w "proxy said %{http_connect}\\n" https://example.test/ 2>&1',
          'curl -sS -o /dev/null -w "door said %{http_code}\\n" http://127.0.0.1:3128/nothing',
          'curl -sS -o /dev/null -w "socket said %{http_code}\\n" --unix-socket /run/bottle/sidecar.sock http://door/nothing',
          'ls /sys/class/net 2>/dev/null; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "',
        ].join('\n'),
      );
      expect(output).toMatch(/Couldn't connect|Failed to connect|Network is unreachable/i);
      expect(output).toContain('proxy said 403');
      expect(output).toContain('door said 404');
      expect(output).toContain('socket said 404');
      expect(output.trim().split('\n').at(-1)).toBe('lo');
    });

    test('hides the control socket', async () => {
      expect((await outputOf('ls -A /run/bottle')).trim()).toBe('sidecar.sock');
    });

    test('gives the agent no more rights than an ordinary user, and no way to more', async () => {
      const output = await outputOf(
        'id -u; grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status; unshare --user true 2>&1 || echo refused; ls -l /proc/self/fd | grep -c "[0-9] ->"',
      );
      expect(output).toMatch(/^1000\n/);
      expect(output).toMatch(/CapEff:\s+0+\n/);
      expect(output).toMatch(/NoNewPrivs:\s+1/);
      expect(output).toContain('refused');
      // stdin, stdout, stderr, and the listing itself.
      expect(output.trim().split('\n').at(-1)).toBe('4');
    });

    test.skipIf(process.getuid?.() !== 0)(
      'as root, gives each bottle a user of its own',
      async () => {
        const uids = [];
        for (let i = 0; i < 2; i++) {
          const request = fixture.request('echo ready; sleep 1000');
          await fixture.host.launch(request, ordered(request), never);
          const manifest = bottlePaths(fixture.dataDirectory, request.slug).manifest;
          uids.push((JSON.parse(readFileSync(manifest, 'utf8')) as { uid: number }).uid);
          await fixture.host.stop(request, 'cancelled');
        }
        expect(uids[0]).toBeGreaterThanOrEqual(200_000);
        expect(uids[1]).not.toBe(uids[0]);
      },
    );

    test('pushes and fetches through the door’s git', async () => {
      const output = await outputOf('git fetch origin 2>&1 && git ls-remote origin');
      expect(output).toMatch(/refs\/heads\/main/);
    });

    test('keeps within a limit of processes, where limits are enforced', async ({ skip }) => {
      const check = await backend.check();
      if (!check.usable || !check.limits.includes('pids'))
        skip('process limits are not enforced here');
      const request = fixture.request(
        'i=0; while [ $i -lt 200 ]; do sleep 1000 & i=$((i+1)); done; echo all started',
        { limits: { pids: 50 } },
      );
      const end = await fixture.run(request);
      expect(end.outcome).toBe('exited');
      expect(await fixture.output(request)).not.toContain('all started');
    });

    test('destroys what is not there', async () => {
      await backend.destroy(bottlePaths(fixture.dataDirectory, 'never-was-00000000'));
    });

    test('freezes what does not run', async () => {
      const request = fixture.request('true');
      await fixture.run(request);
      await until('the supervisor ends', async () => (await fixture.host.countLiving()) === 0);
      await backend.freeze(bottlePaths(fixture.dataDirectory, request.slug));
    });
  });
}
