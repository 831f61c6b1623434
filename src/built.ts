import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from './domain/errors.ts';

/** What the build made, beside this file or in `dist` while developing. */
export interface Built {
  /** `dist/runtime`: what runs beside and inside bottles. */
  readonly runtimeDirectory: string;
  readonly workflowBundle: string;
  readonly version: string;
}

/**
 * Finds what `npm run build` made, from the sources as well as from the built program.
 * @throws ConfigError when it is not there
 */
export function findBuilt(): Built {
  const built = {
    runtimeDirectory: join(root, 'dist', 'runtime'),
    workflowBundle: join(root, 'dist', 'workflow-bundle.js'),
    version: programVersion(),
  };
  for (const path of [built.runtimeDirectory, built.workflowBundle]) {
    if (!existsSync(path)) {
      throw new ConfigError(`${path} is missing: run \`npm run build\` first`);
    }
  }
  return built;
}

export function programVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

/** This file is `src/built.ts`, or `dist/src/built.js`. */
const root = join(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '..' : '../..');
