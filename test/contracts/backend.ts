import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { BottleBackend } from '../../src/bottles/backend.ts';
import { bottlePaths, runPaths } from '../../src/bottles/directory.ts';
import type { LaunchRequest } from '../../src/bottles/host.ts';
import { listSandboxProcesses } from '../../src/bottles/local/sandbox-processes.ts';
import { readJournal } from '../../src/journal/reader.ts';
import {
  credentials,
  giveCredentials,
  HostFixture,
  never,
  ordered,
  Recorder,
} from '../bottles/host-fixture.ts';
import { until } from '../support/until.ts';

/** Calls the sidecar from inside a bottle. */
const signalDone = `curl -sS --unix-socket /run/bottle/sidecar.sock -H 'content-type: application/json' \
  -d '{"jsonrpc":"2.0","id":1,"method":"signal_done","params":{"status":"success","summary":"all well"}}' http://door/rpc`;

/**
 * What every backend must do, below the real supervisor.
 * @param options.image for the bottles of a container backend
 * @param options.spares whether a sandbox waits for each launch
 */
export function describeBackend(
  backend: BottleBackend,
  options: { image?: string; spares?: boolean } = {},
): void {
  const ahead = options.spares === true ? ', its sandboxes started ahead of their bottles' : '';
  describe(`the backend ${backend.name}${ahead}`, () => {
    let fixture: HostFixture;

    beforeAll(async () => {
      fixture = await HostFixture.make({ backend, ...options });
    });
    beforeEach(async () => {
      if (options.spares === true) await fixture.spareIsUp();
    });
    afterAll(async () => {
      await fixture[Symbol.asyncDispose]();
    });

    async function outputOf(script: string): Promise<string> {
      const request = fixture.request(script);
      await fixture.run(request);
      return await fixture.output(request);
    }

    async function launched(script: string): Promise<LaunchRequest> {
      const request = fixture.request(script);
      await fixture.host.launch(request, ordered(request), never);
      await until('the agent is ready', async () =>
        (await fixture.output(request)).includes('ready'),
      );
      return request;
    }

    function resumed(request: LaunchRequest, script: string): LaunchRequest {
      return { ...request, run: request.run + 1, argv: ['sh', '-c', script] };
    }

    function supervisorOf(request: LaunchRequest): Promise<number> {
      const { runs } = bottlePaths(fixture.dataDirectory, request.slug);
      return until('a claim', async () => {
        const journal = await readJournal(runPaths(runs, request.run).journal);
        return journal?.header?.supervisor?.pid;
      });
    }

    test('works on this machine', async () => {
      expect(await backend.check()).toMatchObject({ usable: true });
    });

    test('works for an orchestrator whose umask keeps files from everybody else', async () => {
      const usual = process.umask(0o077);
      onTestFinished(() => void process.umask(usual));
      await using own = await HostFixture.make({ backend, ...options });
      if (options.spares === true) await own.spareIsUp();
      const request = own.request('cat /etc/passwd >/dev/null && cat /run/prompt.md readme.md');
      await own.run(request);
      expect(await own.output(request)).toBe('Do the work.hello\n');
    });

    test('gives the agent nothing of the host’s environment', async () => {
      const output = await outputOf('env; tr "\\0" "\\n" < /proc/1/environ');
      const names = output.split('\n').map((line) => line.split('=', 1)[0] ?? '');

      const known =
        /^(PATH|HOME|HOSTNAME|USER|LOGNAME|SHELL|LANG|PWD|SHLVL|_|OLDPWD|NODE_USE_ENV_PROXY|(https?|no)_proxy|FORGE_ISSUE_NUMBER|FORGE_PR_NUMBER|GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL)|)$/i;
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
      expect(output).toMatch(/^[1-9][0-9]*\n/);
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

    test('keeps within a limit of memory, where limits are enforced', async ({ skip }) => {
      const check = await backend.check();
      if (!check.usable || !check.limits.includes('memoryBytes'))
        skip('memory limits are not enforced here');
      const hoard = 'node -e "const kept = []; for (;;) kept.push(Buffer.alloc(1 << 20, 1))"';
      const request = fixture.request(`${hoard}; echo "code $?"`, {
        limits: { memoryBytes: 200 * 1024 * 1024 },
      });
      await fixture.run(request);
      expect(await fixture.output(request)).not.toContain('code 0');
    });

    test('starts the agent in its working copy and tells its exit code', async () => {
      const request = fixture.request(
        'git branch --show-current; cat readme.md /run/prompt.md; echo wrong >&2; exit 7',
      );
      const end = await fixture.run(request);
      expect(end).toMatchObject({ outcome: 'exited', exitCode: 7 });
      expect(await fixture.output(request)).toContain('bot-bottle/issue-1\nhello\nDo the work.');
      expect(await fixture.output(request)).toContain('wrong\n');
    });

    test('says which program there is not', async () => {
      const request = fixture.request('', { argv: ['no-such-agent', '--flag'] });
      expect(await fixture.run(request)).toMatchObject({ outcome: 'exited', exitCode: 127 });
      expect(await fixture.output(request)).toContain('no-such-agent');
    });

    test('loses nothing of much output, and gives the agent a stdout that waits', async () => {
      const request = fixture.request(
        `node -e 'for (let i = 0; i < 20; i++) fs.writeSync(1, Buffer.alloc(1 << 20, 97))'; echo end`,
      );
      expect(await fixture.run(request)).toMatchObject({ exitCode: 0 });
      const output = await fixture.output(request);
      expect(output.length).toBe(20 * 1024 * 1024 + 'end\n'.length);
      expect(output.endsWith('aend\n')).toBe(true);
    });

    test('takes signal_done, and ends an agent that stays', async () => {
      const recorder = new Recorder();
      const request = fixture.request(`${signalDone}; sleep 1000`);
      await fixture.host.launch(request, ordered(request), never);
      const end = await fixture.host.watch(request, giveCredentials, recorder, never);
      const done = { status: 'success', summary: 'all well' };
      expect(end).toMatchObject({ outcome: 'done', done });
      expect(recorder.dones).toEqual([done]);
      expect(listSandboxProcesses(request.slug)).toEqual([]);
    });

    test('ends an agent that ignores TERM', async () => {
      const request = await launched('trap "" TERM; echo ready; while :; do sleep 1; done');
      expect(await fixture.host.stop(request, 'watchdog')).toMatchObject({ outcome: 'watchdog' });
      expect(listSandboxProcesses(request.slug)).toEqual([]);
    });

    test('lets an agent tidy up at TERM', async () => {
      const request = await launched(
        'trap "echo tidy; exit 0" TERM; echo ready; while :; do sleep 0.1; done',
      );
      await fixture.host.stop(request, 'cancelled');
      expect(await fixture.output(request)).toMatch(/tidy\n$/);
    });

    test('leaves no process behind, however it was started', async () => {
      const request = fixture.request(
        '(setsid sh -c "sleep 1000" & ); nohup sleep 1000 >/dev/null 2>&1 & echo left; exit 0',
      );
      expect(await fixture.run(request)).toMatchObject({ outcome: 'exited', exitCode: 0 });
      expect(listSandboxProcesses(request.slug)).toEqual([]);
    });

    test('resumes a frozen bottle with its state intact', async () => {
      const request = fixture.request(
        'echo mine > note; echo yours > ~/note; git switch --quiet -c elsewhere',
      );
      await fixture.run(request);
      await fixture.host.freeze(request.slug);
      await fixture.host.freeze(request.slug);
      const again = resumed(request, 'cat note ~/note; git branch --show-current');
      await fixture.run(again);
      expect(await fixture.output(again)).toBe('mine\nyours\nelsewhere\n');
    });

    test('nothing runs on when the supervisor is killed, and the run is lost', async () => {
      const request = await launched('(setsid sleep 1000 &); echo ready; sleep 1000');
      expect(listSandboxProcesses(request.slug)).not.toEqual([]);
      process.kill(await supervisorOf(request), 'SIGKILL');
      await until('nothing runs', () => listSandboxProcesses(request.slug).length === 0);
      expect(await fixture.host.stop(request, 'watchdog')).toMatchObject({ outcome: 'lost' });

      const again = resumed(request, 'echo on we go');
      await fixture.run(again);
      expect(await fixture.output(again)).toBe('on we go\n');
    });

    test.for([0, 50, 100, 200, 300, 400])(
      'no agent runs twice, or on, when the supervisor is killed %i ms after its claim',
      async (ms) => {
        const request = fixture.request('date > $(date +%s%N).start; echo ready; sleep 1000');
        const launching = fixture.host.launch(request, ordered(request), never).catch(() => {});
        const pid = await supervisorOf(request);
        await new Promise((resolve) => setTimeout(resolve, ms));
        process.kill(pid, 'SIGKILL');
        await launching;
        await fixture.host.launch(request, ordered(request), never);
        await fixture.host.stop(request, 'cancelled');
        const { work } = bottlePaths(fixture.dataDirectory, request.slug);
        expect(readdirSync(work).filter((name) => name.endsWith('.start')).length).toBeLessThan(2);
        await until('nothing runs', () => listSandboxProcesses(request.slug).length === 0);
      },
    );

    test('its bottles are found by the next orchestrator, and destroyed twice', async () => {
      const request = await launched('echo ready; sleep 1000');
      const next = fixture.anotherHost();
      expect(await next.list()).toContainEqual({
        slug: request.slug,
        workflowId: request.workflowId,
        livingRun: 1,
      });
      await next.destroy(request.slug);
      await next.destroy(request.slug);
      const slugs = (await next.list()).map(({ slug }) => slug);
      expect(slugs).not.toContain(request.slug);
      expect(existsSync(bottlePaths(fixture.dataDirectory, request.slug).root)).toBe(false);
      expect(listSandboxProcesses(request.slug)).toEqual([]);
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
