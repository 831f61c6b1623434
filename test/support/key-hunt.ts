import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import Database from 'better-sqlite3';
import type Docker from 'dockerode';
import type { WorldIssue } from './world-issue.ts';

/** Where a secret is found. Each gives the places by name, none when it is nowhere. */

/** In environments and arguments of all processes of this machine. */
export async function huntProcesses(secret: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    for (const part of ['environ', 'cmdline']) {
      // It may have ended, or be somebody else's.
      const content = await readFile(`/proc/${pid}/${part}`).catch(() => Buffer.alloc(0));
      if (content.includes(secret)) found.push(`/proc/${pid}/${part}`);
    }
  }
  return found;
}

/** In files below a directory, whatever they hold. */
export async function huntFiles(secret: string, directory: string): Promise<string[]> {
  // The secret comes by the standard input: others hunt through the arguments of processes just now.
  const grep = spawn('grep', ['-rlF', '-f', '-', directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  grep.stdin.end(`${secret}\n`);
  const [paths, [code]] = await Promise.all([
    text(grep.stdout),
    once(grep, 'close') as Promise<[number | null]>,
  ]);
  // 2: some could not be read, because they are sockets or gone.
  if (code === null) throw new Error('grep was killed');
  return paths.split('\n').filter((path) => path !== '');
}

/** In the tables of the store: in the database's file a text may lie in pieces. */
export function huntStore(secret: string, dataDirectory: string): string[] {
  using store = openDatabase(dataDirectory);
  const { database } = store;
  const tables = database
    .prepare<[], string>("select name from sqlite_master where type = 'table'")
    .pluck()
    .all();
  return tables.filter((name) =>
    JSON.stringify(database.prepare(`select * from "${name}"`).all()).includes(secret),
  );
}

/** In what Temporal keeps of the issue's workflow. */
export async function huntHistory(secret: string, { workflow }: WorldIssue): Promise<string[]> {
  const { History } = temporal.api.history.v1;
  const bytes = History.encode(await workflow.fetchHistory()).finish();
  return Buffer.from(bytes).includes(secret) ? ['history'] : [];
}

/** In what people can read of the issue and its pull requests. */
export async function huntForge(secret: string, issue: WorldIssue): Promise<string[]> {
  const numbers = [issue.number, ...(await issue.pullRequests()).map(({ number }) => number)];
  const comments = await Promise.all(numbers.map((number) => issue.comments(number)));
  return comments
    .flat()
    .filter(({ body }) => body.includes(secret))
    .map(({ id }) => `comment ${id}`);
}

/** In a bottle's containers and images: their settings, their logs, all files that they have of their own. */
export async function huntDocker(secret: string, docker: Docker, slug: string): Promise<string[]> {
  const filters = { label: [`bot-bottle.slug=${slug}`] };
  const found: string[] = [];
  for (const { Id: id } of await docker.listContainers({ all: true, filters })) {
    const container = docker.getContainer(id);
    const [settings, log, files] = [
      JSON.stringify(await container.inspect()),
      await container.logs({ stdout: true, stderr: true }),
      await includes(await container.export(), secret),
    ];
    if (settings.includes(secret)) found.push('settings of the container');
    if (log.includes(secret)) found.push('log of the container');
    if (files) found.push('files of the container');
  }
  for (const { Id: id } of await docker.listImages({ filters })) {
    const image = docker.getImage(id);
    const told = JSON.stringify([await image.inspect(), await image.history()]);
    if (told.includes(secret)) found.push('settings of the image');
    if (await includes(await image.get(), secret)) found.push('files of the image');
  }
  return found;
}

async function includes(stream: NodeJS.ReadableStream, secret: string): Promise<boolean> {
  let tail = Buffer.alloc(0);
  let found = false;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const seen = Buffer.concat([tail, chunk]);
    found ||= seen.includes(secret);
    tail = seen.subarray(Math.max(0, seen.length - secret.length));
  }
  return found;
}

/** The conversations of a bottle's runs, as the store has them. */
export function sessionsOf(dataDirectory: string, slug: string): (string | null)[] {
  using store = openDatabase(dataDirectory);
  return store.database
    .prepare<[string], string | null>('select session from runs where slug = ? order by run')
    .pluck()
    .all(slug);
}

/** While the orchestrator writes to it. */
function openDatabase(dataDirectory: string) {
  const database = new Database(join(dataDirectory, 'orchestrator.db'), { readonly: true });
  return { database, [Symbol.dispose]: () => void database.close() };
}
