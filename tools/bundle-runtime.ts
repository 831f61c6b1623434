import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { findProjectRoot } from './project-root.ts';

/** Programs that run beside and inside a bottle, and where each begins. */
const programs: Readonly<Record<string, string>> = {
  supervisor: 'src/supervisor/main.ts',
  launcher: 'src/supervisor/launcher.ts',
  forge: 'src/supervisor/sidecar/forge-command.ts',
  'demo-agent': 'src/demo/agent.ts',
};

const forgeCommand = `#!/bin/sh
exec /opt/bottle/bin/node --no-warnings /opt/bottle/forge.mjs "$@"
`;

/** The accounts inside a bottle. */
const etc: Readonly<Record<string, string>> = {
  passwd:
    'root:x:0:0:root:/nonexistent:/usr/sbin/nologin\nagent:x:1000:1000:agent:/home/agent:/bin/sh\n',
  group: 'root:x:0:\nagent:x:1000:\n',
  hosts: '127.0.0.1 localhost bottle\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
};

/** Writes a bottle's runtime to `directory`: each program as one file, the `forge` command, git's hooks. */
export async function bundleRuntime(directory: string): Promise<void> {
  const root = findProjectRoot();
  const entryPoints = Object.fromEntries(
    Object.entries(programs).filter(([, source]) => existsSync(join(root, source))),
  );
  await build({
    absWorkingDir: root,
    entryPoints,
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
  });
  for (const name of ['bin', 'etc']) await mkdir(join(directory, name), { recursive: true });
  const command = join(directory, 'bin', 'forge');
  await writeFile(command, forgeCommand);
  await chmod(command, 0o755);
  for (const [name, text] of Object.entries(etc))
    await writeFile(join(directory, 'etc', name), text);
  const hooks = join(root, 'src', 'supervisor', 'git-gate', 'hooks');
  await cp(hooks, join(directory, 'git-hooks'), { recursive: true });
}
