import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { provide, type Tool, type Way } from '../../tools/provide.ts';
import { scratchFolder } from './scratch.ts';

const silent = (): void => undefined;

const works: Way = {
  doing: 'downloading Thing 1.0',
  fill: (folder) => writeFile(join(folder, 'thing'), 'whole'),
};

const fails: Way = {
  doing: 'building Thing 1.0 from source',
  async fill(folder) {
    await writeFile(join(folder, 'thing'), 'half');
    throw new Error('the compiler is missing');
  },
};

function thing(...ways: Way[]): Tool {
  return {
    name: 'thing',
    version: '1.0',
    title: 'Thing',
    reason: 'thing is not on the PATH',
    ways,
    remedy: 'Install Thing.',
  };
}

test('the first way that works fills the cache, and what is in the cache is used again', async () => {
  const cache = await scratchFolder();
  const fill = vi.fn(works.fill);

  const first = await provide(thing({ ...works, fill }), cache, silent);
  const second = await provide(thing({ ...works, fill }), cache, silent);

  expect(first).toBe(join(cache, 'thing-1.0'));
  expect(second).toBe(first);
  expect(await readFile(join(first, 'thing'), 'utf8')).toBe('whole');
  expect(fill).toHaveBeenCalledTimes(1);
});

test('a cache that is reached over a symbolic link gives the place where the tool really is', async () => {
  const folder = await scratchFolder();
  const [disk, cache] = [join(folder, 'disk'), join(folder, 'cache')];
  await mkdir(disk);
  await symlink(disk, cache);

  expect(await provide(thing(works), cache, silent)).toBe(join(disk, 'thing-1.0'));
  expect(await provide(thing(works), cache, silent)).toBe(join(disk, 'thing-1.0'));
});

test('each way is announced with the reason, and a failed one leaves nothing behind', async () => {
  const cache = await scratchFolder();
  const lines: string[] = [];

  const folder = await provide(thing(fails, works), cache, (line) => lines.push(line));

  expect(lines.slice(0, 2)).toEqual([
    'building Thing 1.0 from source: thing is not on the PATH',
    'downloading Thing 1.0: the compiler is missing',
  ]);
  expect(await readFile(join(folder, 'thing'), 'utf8')).toBe('whole');
  expect(await readdir(cache)).toEqual(['thing-1.0', 'thing-1.0.lock']);
});

test('what a failed try kept in its scratch is there for the next one, and gone once the tool is there', async () => {
  const cache = await scratchFolder();
  const keeps: Way = {
    doing: 'building Thing 1.0 from source',
    async fill(folder, scratch) {
      if (!existsSync(scratch)) {
        await mkdir(scratch);
        throw new Error('the network is gone');
      }
      await works.fill(folder, scratch);
    },
  };

  await expect(provide(thing(keeps), cache, silent)).rejects.toThrow('the network is gone');
  await provide(thing(keeps), cache, silent);

  expect(await readdir(cache)).toEqual(['thing-1.0', 'thing-1.0.lock']);
});

test('when no way works the message holds every reason and what to install', async () => {
  const cache = await scratchFolder();

  const result = provide(thing(fails), cache, silent);

  await expect(result).rejects.toThrow(
    'cannot get Thing 1.0: thing is not on the PATH; the compiler is missing. Install Thing.',
  );
  expect(existsSync(join(cache, 'thing-1.0'))).toBe(false);
});

test('two at once in one process provide once', async () => {
  const cache = await scratchFolder();
  const lines: string[] = [];
  const fill = vi.fn(async (folder: string, scratch: string) => {
    await sleep(100);
    await works.fill(folder, scratch);
  });

  const provided = [1, 2].map(() =>
    provide(thing({ ...works, fill }), cache, (line) => lines.push(line)),
  );
  await Promise.all(provided);

  expect(fill).toHaveBeenCalledTimes(1);
  expect(lines).toContain('waiting for Thing 1.0: another process is getting it');
});

test('killed in the middle, nothing half-usable is left, and the next start provides it whole', async () => {
  const cache = await scratchFolder();
  const other = startOtherProcess(cache, 'hang');
  await vi.waitFor(async () => expect(await namesIn(cache)).toContain('half'), 10_000);

  other.kill('SIGKILL');
  const folder = await provide(thing(works), cache, silent);

  expect(await readFile(join(folder, 'thing'), 'utf8')).toBe('whole');
  expect(await readdir(cache)).toEqual(['thing-1.0', 'thing-1.0.lock']);
});

test('a second process waits for the first and uses what that provides', async () => {
  const cache = await scratchFolder();
  const other = startOtherProcess(cache, 'finish');
  const ended = new Promise((resolve) => other.once('exit', resolve));
  await vi.waitFor(async () => expect(await namesIn(cache)).toContain('half'), 10_000);

  const folder = await provide(thing(fails), cache, silent);

  expect(await ended).toBe(0);
  expect(await readFile(join(folder, 'thing'), 'utf8')).toBe('by the other process');
});

function startOtherProcess(cache: string, how: 'hang' | 'finish'): ReturnType<typeof spawn> {
  const program = join(import.meta.dirname, 'provide-in-other-process.ts');
  return spawn(process.execPath, [program, cache, how], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

async function namesIn(cache: string): Promise<string[]> {
  await mkdir(cache, { recursive: true });
  const entries = await readdir(cache, { recursive: true, withFileTypes: true });
  return entries.map((entry) => entry.name);
}
