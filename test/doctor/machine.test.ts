import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { examineConfig } from '../../src/config/examine.ts';
import { dataDirectoryCheck } from '../../src/doctor/data-directory.ts';
import { diskCheck } from '../../src/doctor/disk.ts';
import { versionsCheck } from '../../src/doctor/programs.ts';
import { secretFilesCheck, settingsCheck } from '../../src/doctor/settings.ts';
import { look } from './look.ts';

const isRoot = process.getuid?.() === 0;

let home: string;
let data: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'doctor-'));
  data = join(home, 'data');
  mkdirSync(data, { mode: 0o700 });
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

function config(environment: Record<string, string> = {}) {
  return examineConfig({
    HOME: home,
    ORCHESTRATOR_DATA_DIR: data,
    FORGE_GITEA_API: 'https://gitea.example/api/v1',
    FORGE_TOKEN: 'f00df00d',
    FORGE_WEBHOOK_SECRET: 'whisper',
    ...environment,
  });
}

describe('settings', () => {
  const examine = (environment?: Record<string, string>) =>
    look([settingsCheck(config(environment))], 'settings');

  test('fails for each with its key, what is wrong, and what is accepted', async () => {
    const findings = await examine({ MAX_BOTTLES: 'many', FORGE_GITEA_API: '' });
    expect(findings).toEqual([
      {
        verdict: 'fail',
        seen: 'MAX_BOTTLES: "many" is not a whole number from 1 to 1000',
        fix: 'Give it as accepted: a whole number from 1 to 1000.',
      },
      {
        verdict: 'fail',
        seen: 'FORGE_GITEA_API: is missing',
        fix: 'Give it as accepted: an http(s) address that ends in /api/v1, such as https://gitea.example.com/api/v1.',
      },
    ]);
    expect(await examine({ MAX_BOTTLES: '3' })).toMatchObject([{ verdict: 'pass' }]);
  });

  test('names a file of a secret that cannot be read, and never a secret', async () => {
    const file = join(home, 'token');
    const broken = { FORGE_TOKEN: '', FORGE_TOKEN_FILE: file };
    expect(await examine(broken)).toMatchObject([
      { verdict: 'fail', seen: `FORGE_TOKEN_FILE: "${file}" cannot be read (ENOENT)` },
    ]);
    writeFileSync(file, 'f00d f00d\n');
    expect(JSON.stringify(await examine(broken))).not.toContain('f00d');
    writeFileSync(file, 'f00df00d\n');
    expect(await examine(broken)).toMatchObject([{ verdict: 'pass' }]);
  });

  test('what is wrong with one leaves the others usable', () => {
    const { forge, temporal, server } = config({ TEMPORAL_ADDRESS: 'nowhere' });
    expect(temporal).toBeUndefined();
    expect(forge).toMatchObject({ token: 'f00df00d' });
    expect(server).toMatchObject({ port: 8477 });
  });
});

describe('secret files', () => {
  test('fails for one that others can read; --fix closes it', async () => {
    const file = join(home, 'token');
    writeFileSync(file, 'f00df00d\n');
    chmodSync(file, 0o644);
    const check = secretFilesCheck(config({ FORGE_TOKEN: '', FORGE_TOKEN_FILE: file }));
    const [finding] = await look([check], check.name);
    expect(finding).toMatchObject({
      verdict: 'fail',
      seen: `others may use ${file}: its mode is 0644`,
      fix: expect.stringContaining(`\`chmod 600 ${file}\``),
    });
    expect(await look([check], check.name, { fix: true })).toMatchObject([{ verdict: 'pass' }]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('looks at the files of model keys and at the API token too', async () => {
    writeFileSync(join(data, 'api-token'), 'x', { mode: 0o640 });
    const key = join(home, 'key');
    writeFileSync(key, 'sk', { mode: 0o604 });
    writeFileSync(
      join(data, 'orchestrator.toml'),
      `[llm_routes.mine]\nprotocol = "openai-responses"\nupstream = "http://127.0.0.1:1/v1"\nauth = "bearer"\nkey_file = "${key}"\n`,
    );
    const check = secretFilesCheck(config());
    expect(await look([check], check.name)).toMatchObject([
      { verdict: 'fail', seen: expect.stringContaining(key) },
      { verdict: 'fail', seen: expect.stringContaining('api-token') },
    ]);
  });
});

describe('data directory', () => {
  const examine = (fix = false) => look([dataDirectoryCheck(data)], 'data directory', { fix });

  test('fails when others may enter it; --fix closes it', async () => {
    chmodSync(data, 0o755);
    expect(await examine()).toMatchObject([
      { verdict: 'fail', seen: `others may use ${data}: its mode is 0755` },
    ]);
    expect(await examine(true)).toMatchObject([{ verdict: 'pass' }]);
  });

  test('warns when it is not there yet; --fix makes it', async () => {
    rmSync(data, { recursive: true });
    expect(await examine()).toMatchObject([{ verdict: 'warn', seen: `${data} is not there yet` }]);
    expect(await examine(true)).toMatchObject([{ verdict: 'pass' }]);
    expect(statSync(data).mode & 0o777).toBe(0o700);
  });

  test('fails when a file is in its place', async () => {
    rmSync(data, { recursive: true });
    writeFileSync(data, '');
    expect(await examine()).toMatchObject([{ verdict: 'fail', seen: `${data} is no directory` }]);
  });

  test.runIf(isRoot)("fails when it is another user's, until it is given to this one", async () => {
    chownSync(data, 65534, 65534);
    const [finding] = await examine();
    expect(finding).toMatchObject({
      verdict: 'fail',
      seen: expect.stringContaining('belongs to the user with the id 65534'),
    });
    execFileSync('sh', ['-c', commandIn(finding)]);
    expect(await examine()).toMatchObject([{ verdict: 'pass' }]);
  });
});

describe.runIf(isRoot)('disk', () => {
  /** A file system of its own. */
  function mount(options: string): Disposable {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'doctor', data]);
    return { [Symbol.dispose]: () => void execFileSync('umount', [data]) };
  }
  const remount = (options: string) => execFileSync('mount', ['-o', `remount,${options}`, data]);
  const check = () => diskCheck({ holds: 'the data directory', path: join(data, 'not/yet') });
  const examine = () => look([check()], 'disk of the data directory');

  test('fails when it is full, warns when little is left, until there is room', async () => {
    using _ = mount('size=300m');
    writeFileSync(join(data, 'ballast'), Buffer.alloc(100 * 1024 ** 2));
    expect(await examine()).toMatchObject([
      { verdict: 'fail', seen: expect.stringMatching(/^200 MiB free at /) },
      { verdict: 'pass' },
    ]);
    rmSync(join(data, 'ballast'));
    expect(await examine()).toMatchObject([{ verdict: 'warn' }, { verdict: 'pass' }]);
    remount('size=8g');
    expect(await examine()).toMatchObject([{ verdict: 'pass' }, { verdict: 'pass' }]);
  });

  test('fails when there are no inodes, however much room there is', async () => {
    using _ = mount('size=8g,nr_inodes=1000');
    expect(await examine()).toMatchObject([
      { verdict: 'pass' },
      { verdict: 'fail', seen: expect.stringMatching(/^\d+ inodes free at /) },
    ]);
    remount('nr_inodes=200000');
    expect(await examine()).toMatchObject([{ verdict: 'pass' }, { verdict: 'pass' }]);
  });
});

describe('versions', () => {
  const examine = (path: string) => look([versionsCheck('0.1.0', path)], 'versions');

  function program(name: string, says: string): void {
    writeFileSync(join(home, name), `#!/bin/sh\necho '${says}'\n`, { mode: 0o755 });
  }

  test('fails for a git that is too old, and warns for a bubblewrap that is not there', async () => {
    program('git', 'git version 2.17.1');
    const findings = await examine(home);
    expect(findings).toContainEqual({
      verdict: 'fail',
      seen: 'git 2.17.1',
      fix: 'Install git 2.32 or newer.',
    });
    expect(findings).toContainEqual(
      expect.objectContaining({ verdict: 'warn', seen: 'bwrap cannot be run (ENOENT)' }),
    );
  });

  test('passes newer ones', async () => {
    program('git', 'git version 2.100.0 (Apple Git-1)');
    program('bwrap', 'bubblewrap 0.11.0');
    expect((await examine(home)).map(({ verdict, seen }) => [verdict, seen])).toEqual([
      ['pass', expect.stringContaining('bot-bottle-orchestrator 0.1.0')],
      ['pass', expect.stringMatching(/^Node \d+/)],
      ['pass', 'git 2.100.0'],
      ['pass', 'bwrap 0.11.0'],
    ]);
  });
});

/** What a fix says is to be typed. */
function commandIn(finding: unknown): string {
  const { fix } = finding as { fix: string };
  return /`([^`]+)`/.exec(fix)?.[1] ?? '';
}
