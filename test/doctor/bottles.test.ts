import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import Docker from 'dockerode';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findBackends } from '../../src/bottles/registry.ts';
import { problemsOf, warningsOf } from '../../src/cli/manifest-problems.ts';
import { backendsCheck } from '../../src/doctor/backends.ts';
import type { Check } from '../../src/doctor/check.ts';
import { dockerDiskCheck } from '../../src/doctor/docker-disk.ts';
import { manifestChecks } from '../../src/doctor/manifests.ts';
import { readLocalManifests } from '../../src/open-manifests.ts';
import { dockerStage, type DockerStage } from '../support/docker.ts';
import { look, only } from './look.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'doctor-'));
  mkdirSync(join(data, 'agents'));
  mkdirSync(join(data, 'bottles'));
  write('agents/demo.md', '---\nprovider: script\nbottle: small\ncommand: [sh]\n---\n');
  write('bottles/small.md', '---\nbackend: local\n---\n');
});
afterEach(() => {
  rmSync(data, { recursive: true });
});

function write(file: string, text: string): void {
  writeFileSync(join(data, file), text);
}

/** On a machine with this Docker Engine; with none, whatever this one has. */
function checksOf(dockerHost = `unix://${data}/none.sock`): readonly Check[] {
  const botBottleCli = { program: join(data, 'no-cli.py'), path: '', home: data };
  const find = () => findBackends({ dockerHost, botBottleCli });
  const read = async () => {
    const manifests = await readLocalManifests({
      dataDirectory: data,
      routes: {},
      dockerHost,
      botBottleCli,
    });
    return {
      ...manifests,
      problems: problemsOf(manifests),
      warnings: warningsOf(manifests),
    };
  };
  const wanted = async () => [...(await read()).bottles.values()].map(({ backend }) => backend);
  return [
    backendsCheck({ find, wanted }),
    ...manifestChecks({ read, findBackends: find }),
    dockerDiskCheck({ dockerHost, findBackends: find, readManifests: read }),
  ];
}

/** Of one check, in a namespace of its own in which the commands were executed before. */
async function examineBehind(
  commands: string,
): Promise<readonly { verdict: string; seen: string; fix: string }[]> {
  const program = join(import.meta.dirname, '../cli/sample-program.ts');
  const script = `${commands}\nexec "$@"`;
  const words = ['--mount', '--', 'sh', '-ec', script, 'sh', process.execPath, program];
  const { stdout } = await run('unshare', [...words, 'doctor', '--json'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: data,
      ORCHESTRATOR_DATA_DIR: data,
      DOCKER_HOST: `unix://${data}/none.sock`,
    },
  }).catch((error: { stdout: string }) => error);
  const { findings } = JSON.parse(stdout) as {
    findings: { check: string; verdict: string; seen: string; fix: string }[];
  };
  return findings.filter(({ check }) => check === 'bottle backends');
}

describe('bottle backends', () => {
  test('pass what works with the limits that are kept, and only warn of what no bottle asks for', async () => {
    const findings = await look(checksOf(), 'bottle backends');
    expect(findings).toContainEqual(
      isRoot
        ? { verdict: 'pass', seen: 'local works; limits that are kept: memory, pids, cpus' }
        : expect.objectContaining({ verdict: 'warn' }),
    );
    expect(findings).toContainEqual(
      expect.objectContaining({ verdict: 'warn', seen: expect.stringContaining('none.sock') }),
    );
    expect(only(findings, 'fail')).toEqual([]);
  });

  test('fail for a Docker Engine that a bottle asks for and that is gone, until no bottle does', async () => {
    write('bottles/small.md', '---\nbackend: docker\n---\n');
    expect(only(await look(checksOf(), 'bottle backends'), 'fail')).toMatchObject([
      { seen: expect.stringContaining('none.sock'), fix: expect.stringContaining('DOCKER_HOST') },
    ]);
    expect(await look(checksOf(), 'images')).toMatchObject([{ verdict: 'skipped' }]);
    write('bottles/small.md', '---\nbackend: local\n---\n');
    expect(only(await look(checksOf(), 'bottle backends'), 'fail')).toEqual([]);
  });

  test('fail in time for an Engine that takes connections and says nothing', async () => {
    write('bottles/small.md', '---\nbackend: docker\n---\n');
    const socket = join(data, 'silent.sock');
    const silent = createServer(() => undefined).listen(socket);
    await once(silent, 'listening');
    const began = Date.now();
    const findings = await look(checksOf(`unix://${socket}`), 'bottle backends');
    expect(only(findings, 'fail')).toHaveLength(1);
    expect(Date.now() - began).toBeLessThan(15_000);
    silent.close();
  });

  test.runIf(isRoot)(
    'warn of limits that are not kept where cgroups cannot be written',
    async () => {
      expect(await examineBehind('mount -t tmpfs -o ro none /sys/fs/cgroup')).toContainEqual(
        expect.objectContaining({
          verdict: 'warn',
          seen: 'local works; limits that are kept: none; not kept: memory, cpus, pids',
          fix: expect.stringContaining('/sys/fs/cgroup'),
        }),
      );
      expect(await examineBehind('true')).toContainEqual(
        expect.objectContaining({ verdict: 'pass', seen: expect.stringContaining('local works') }),
      );
    },
  );

  test.runIf(isRoot)(
    'fail with the fix where bubblewrap is refused its user namespaces',
    async () => {
      write(
        'bwrap',
        '#!/bin/sh\necho "bwrap: setting up uid map: Permission denied" >&2\nexit 1\n',
      );
      expect(
        await examineBehind(
          `chmod 755 ${data} ${data}/bwrap; mount --bind ${data}/bwrap "$(command -v bwrap)"`,
        ),
      ).toContainEqual(
        expect.objectContaining({
          verdict: 'fail',
          seen: expect.stringContaining('refuses user namespaces'),
          fix: expect.stringContaining('kernel.apparmor_restrict_unprivileged_userns=0'),
        }),
      );
    },
  );
});

describe('manifests', () => {
  test('fail for each mistake, until it is corrected', async () => {
    write('agents/demo.md', '---\nprovider: script\nbottle: small\ncommand: [sh]\nspeed: 9\n---\n');
    expect(await look(checksOf(), 'manifests')).toMatchObject([
      { verdict: 'fail', seen: 'agents/demo.md:5: speed: is not a key of this manifest' },
    ]);
    write('agents/demo.md', '---\nprovider: script\nbottle: small\ncommand: [sh]\n---\n');
    expect(await look(checksOf(), 'manifests')).toEqual([
      { verdict: 'pass', seen: 'agents: demo; bottles: small; no problem' },
    ]);
  });

  test('warn of what changes nothing', async () => {
    write('bottles/small.md', '---\ndisk: 1g\n---\n');
    expect(await look(checksOf(), 'manifests')).toMatchObject([
      { verdict: 'pass' },
      { verdict: 'warn', seen: expect.stringMatching(/^bottles\/small\.md:2: disk: /) },
    ]);
  });

  test('warn while there is no agent', async () => {
    rmSync(join(data, 'agents/demo.md'));
    expect(await look(checksOf(), 'manifests')).toMatchObject([
      { verdict: 'warn', fix: expect.stringContaining('orchestrator init') },
    ]);
  });
});

describe("agents' programs", () => {
  test('fail for one that is not in its bottle, until a tool has it', async () => {
    const tools = realpathSync(mkdtempSync(join(tmpdir(), 'doctor-tools-')));
    try {
      const agent = '---\nprovider: script\nbottle: small\ncommand: [rocketeer]\n---\n';
      write('agents/demo.md', agent);
      expect(await look(checksOf(), "agents' programs")).toMatchObject([
        {
          verdict: 'fail',
          seen: 'agent demo: there is no program rocketeer in its bottle small',
          fix: expect.stringContaining('bottles/small.md'),
        },
      ]);
      mkdirSync(join(tools, 'bin'));
      writeFileSync(join(tools, 'bin/rocketeer'), '#!/bin/sh\n', { mode: 0o755 });
      write('bottles/small.md', `---\nbackend: local\ntools: [${tools}]\n---\n`);
      expect(await look(checksOf(), "agents' programs")).toEqual([
        { verdict: 'pass', seen: `agent demo: rocketeer is ${tools}/bin/rocketeer` },
      ]);
    } finally {
      rmSync(tools, { recursive: true });
    }
  });

  test.each([
    ['[node, /opt/bottle/demo-agent.mjs]', 'node is /opt/bottle/bin/node'],
    ['[/opt/bottle/bin/forge]', '/opt/bottle/bin/forge is /opt/bottle/bin/forge'],
    ['[/bin/sh]', '/bin/sh is /bin/sh'],
    ['[./build.sh]', 'no agent needs one of this machine'],
  ])('knows where %s is', async (command, seen) => {
    write('agents/demo.md', `---\nprovider: script\nbottle: small\ncommand: ${command}\n---\n`);
    expect(await look(checksOf(), "agents' programs")).toMatchObject([
      { verdict: 'pass', seen: expect.stringContaining(seen) },
    ]);
  });
});

describe('with a Docker Engine', () => {
  let stage: DockerStage | undefined;
  beforeAll(async () => {
    stage = await dockerStage();
  }, 300_000);
  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]();
  });

  /** Nothing to be done for a user who has no Engine. */
  function connect(skip: () => void): { checks: readonly Check[]; engine: Docker; image: string } {
    if (stage === undefined) skip();
    const { engine, image } = stage as DockerStage;
    const socketPath = engine.host.replace('unix://', '');
    return { checks: checksOf(engine.host), engine: new Docker({ socketPath }), image };
  }

  test('its backend passes, with the limits that it keeps', async ({ skip }) => {
    const { checks } = connect(skip);
    expect(await look(checks, 'bottle backends')).toContainEqual(
      expect.objectContaining({
        seen: expect.stringMatching(/^docker works; limits that are kept: /),
      }),
    );
  });

  test('images fail for one that it does not have, until it has', async ({ skip }) => {
    const { checks, engine, image } = connect(skip);
    const [name, tag] = [`rocket-${process.pid}`, 'v1'];
    write('bottles/small.md', `---\nbackend: docker\nimage: ${name}:${tag}\n---\n`);
    expect(await look(checks, 'images')).toMatchObject([
      {
        verdict: 'fail',
        seen: `bottle small: The Docker Engine has no image \`${name}:${tag}\``,
        fix: `Pull it: \`docker pull ${name}:${tag}\`.`,
      },
    ]);
    await engine.getImage(image).tag({ repo: name, tag });
    try {
      expect(await look(checks, 'images')).toEqual([
        { verdict: 'pass', seen: `${name}:${tag} of bottle small is there` },
      ]);
    } finally {
      await engine.getImage(`${name}:${tag}`).remove();
    }
  });

  test.runIf(isRoot)('its disk fails when it is full, until there is room', async ({ skip }) => {
    const { checks, engine } = connect(skip);
    write('bottles/small.md', '---\nbackend: docker\n---\n');
    const { DockerRootDir: path } = (await engine.info()) as { DockerRootDir: string };
    // Not that of an Engine which others use.
    if (!path.startsWith(tmpdir())) skip();
    await run('mount', ['-t', 'tmpfs', '-o', 'size=100m', 'doctor', path]);
    try {
      expect(await look(checks, 'disk of Docker')).toMatchObject([
        { verdict: 'fail', seen: `100 MiB free at ${path}` },
        { verdict: 'pass' },
      ]);
    } finally {
      await run('umount', [path]);
    }
    expect(only(await look(checks, 'disk of Docker'), 'fail')).toEqual([]);
  });
});

test("the disk of Docker is nobody's business where no bottle is in a container", async () => {
  expect(await look(checksOf(), 'disk of Docker')).toEqual([
    { verdict: 'pass', seen: 'no bottle is in a container' },
  ]);
});
