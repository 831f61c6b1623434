import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { findProgram, runProgram } from '../../tools/program.ts';
import { findProjectRoot } from '../../tools/project-root.ts';
import { scratchFolder, writeScript } from '../tools/scratch.ts';
import { type NpmMachine, startNpmMachine } from './npm-package.ts';

// npm brings some 500 MB.
vi.setConfig({ testTimeout: 300_000 });

let machine: NpmMachine;

beforeAll(async () => {
  machine = await startNpmMachine();
});
afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
});

test('npx plays the demo from the packed tarball, in an empty directory and home', async () => {
  const { tarball, directory, environment } = machine;
  const said = await runProgram('npx', ['--yes', `file:${tarball}`, 'demo', '--once'], {
    cwd: directory,
    env: environment,
  });
  expect(said).toMatch(
    /Pull request #2 is merged[^]*Bottles: none[^]*The story ended as it should/,
  );
  expect(await readdir(directory)).toEqual([]);
});

test('installed, the command runs with the Node that came with it, whatever Node the machine has', async () => {
  const { tarball, environment } = machine;
  const place = await scratchFolder();
  await runProgram(
    'npm',
    ['install', '--global', '--prefix', place, '--prefer-offline', '--silent', tarball],
    { cwd: place, env: environment },
  );
  const tools = await withoutNode(place, 'echo "this Node is too old" >&2; exit 1');

  const version = await runProgram(join(place, 'bin', 'orchestrator'), ['--version'], {
    env: { PATH: tools },
  });

  expect(version).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('where npm had no Node for the platform and the machine none that is new enough, the command says so', async () => {
  const place = await scratchFolder();
  await mkdir(join(place, 'package', 'bin'), { recursive: true });
  const command = join(place, 'package', 'bin', 'orchestrator');
  await copyFile(join(findProjectRoot(), 'bin', 'orchestrator'), command);
  const tools = await withoutNode(place, 'exit 1');

  await expect(runProgram(command, ['--version'], { env: { PATH: tools } })).rejects.toThrow(
    /exit code 1: orchestrator: .*install Node\.js 24/,
  );
});

test('the tarball has what is needed at run time, and neither sources nor tests', async () => {
  const { tarball } = machine;
  const files = (await runProgram('tar', ['-tzf', tarball])).trim().split('\n');
  for (const file of [
    'bin/orchestrator',
    'dist/src/main.js',
    'dist/workflow-bundle.js',
    'dist/runtime/supervisor.cjs',
    'tools/gitea/go.mod',
    'docs/schema/agent.schema.json',
    'LICENSE',
    'README.md',
  ]) {
    expect(files).toContain(`package/${file}`);
  }
  expect(files.filter((file) => /^package\/(src|test|bench)\/|\.(ts|map)$/.test(file))).toEqual([]);
});

/** A PATH with what the command's script itself calls, and a `node` of our own. */
async function withoutNode(place: string, node: string): Promise<string> {
  const tools = join(place, 'tools');
  for (const name of ['dirname', 'readlink']) {
    const program = findProgram(name, '/usr/bin:/bin') ?? name;
    await writeScript(join(tools, name), `exec ${program} "$@"`);
  }
  await writeScript(join(tools, 'node'), node);
  return tools;
}
