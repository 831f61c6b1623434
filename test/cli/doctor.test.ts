import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from './orchestrator.ts';

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

/** On a machine without a Docker Engine, whatever this one has. */
function doctor(...args: string[]) {
  const DOCKER_HOST = `unix://${data}/none.sock`;
  return run(['doctor', ...args], { ORCHESTRATOR_DATA_DIR: data, DOCKER_HOST });
}

test('passes what works, and only warns of what no manifest asks for', async () => {
  const { code, stdout, stderr } = await doctor();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^PASS {2}backend local: works; limits that are kept: /m);
  expect(stdout).toMatch(/^WARN {2}backend docker: .+none\.sock/m);
  expect(stdout).toMatch(/^PASS {2}manifests: one agent and one bottle in /m);
});

test('fails for a backend that a bottle asks for and that does not work, and says what helps', async () => {
  write('bottles/small.md', '---\nbackend: docker\n---\n');
  const { code, stdout, stderr } = await doctor();
  expect({ code, stderr }).toEqual({ code: 4, stderr: 'error: one check failed.\n' });
  expect(stdout).toMatch(/^FAIL {2}backend docker: .+\. .*Docker/m);
});

test('fails for each manifest with a mistake', async () => {
  write('agents/demo.md', '---\nprovider: script\nbottle: small\ncommand: [sh]\nspeed: 9\n---\n');
  const { code, stdout } = await doctor('--json');
  const { findings } = JSON.parse(stdout) as { findings: { verdict: string }[] };
  expect(code).toBe(4);
  expect(findings.filter(({ verdict }) => verdict === 'fail')).toEqual([
    {
      verdict: 'fail',
      what: 'agent demo',
      text: 'agents/demo.md:5: speed: is not a key of this manifest',
    },
  ]);
});
