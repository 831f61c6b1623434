import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundleRuntime } from './bundle-runtime.ts';
import { findProjectRoot } from './project-root.ts';

/**
 * Builds `dist/`: the compiled program, `dist/runtime/` for the bottles, and the workflows as Temporal loads them.
 * Does nothing when nothing has changed since the last build.
 */
const root = findProjectRoot();
const dist = join(root, 'dist');
const stamp = join(dist, '.built-from');

const sources = await digestSources();
if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === sources) {
  console.log('dist is up to date');
} else {
  await rm(dist, { recursive: true, force: true });
  try {
    await Promise.all([compile(), bundleRuntime(join(dist, 'runtime')), writeWorkflowBundle()]);
    await writeFile(stamp, sources);
    console.log('built dist');
  } catch (error) {
    console.error(`the build failed: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}

async function compile(): Promise<void> {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  try {
    await promisify(execFile)(tsc, ['-p', 'tsconfig.build.json'], { cwd: root });
  } catch (error) {
    throw new Error(`tsc\n${(error as { stdout: string }).stdout}`, { cause: error });
  }
}

async function writeWorkflowBundle(): Promise<void> {
  const { bundleWorkflows } = await import('./bundle-workflows.ts');
  const { code } = await bundleWorkflows();
  await writeFile(join(dist, 'workflow-bundle.js'), code);
}

/** Everything that a build depends on. */
async function digestSources(): Promise<string> {
  const hash = createHash('sha256').update(process.version);
  const folders = await Promise.all(
    ['src', 'tools'].map((folder) => listFiles(join(root, folder))),
  );
  const files = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  const paths = [...folders.flat(), ...files.map((file) => join(root, file))];
  for (const path of paths.toSorted()) hash.update(path).update(await readFile(path));
  return hash.digest('hex');
}

async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
