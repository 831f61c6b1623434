import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { findProjectRoot } from './project-root.ts';

/** Programs that run beside and inside a bottle, and where each begins. */
const programs: Readonly<Record<string, string>> = {
  'supervisor.cjs': 'src/supervisor/main.ts',
  'launcher.cjs': 'src/supervisor/launcher.ts',
  'container-launcher.cjs': 'src/supervisor/container-launcher.ts',
  'forge.mjs': 'src/supervisor/sidecar/forge-command.ts',
  'demo-agent.mjs': 'src/demo/agent.ts',
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
  const present = Object.entries(programs).filter(([, source]) => existsSync(join(root, source)));
  await Promise.all(
    present.map(([name, source]) =>
      build({
        absWorkingDir: root,
        entryPoints: [source],
        outfile: join(directory, name),
        bundle: true,
        // The orchestrator's alone: see `engine-call.ts`.
        external: ['dockerode'],
        platform: 'node',
        // Every launch waits for the .cjs ones: as a module, `import 'node:http'` alone costs 30 to 60 ms more at the start.
        format: name.endsWith('.cjs') ? 'cjs' : 'esm',
        target: 'node24',
        minifySyntax: true,
        legalComments: 'none',
        logLevel: 'warning',
      }),
    ),
  );
  for (const name of ['bin', 'etc']) await mkdir(join(directory, name), { recursive: true });
  const command = join(directory, 'bin', 'forge');
  await writeFile(command, forgeCommand);
  await chmod(command, 0o755);
  for (const [name, text] of Object.entries(etc))
    await writeFile(join(directory, 'etc', name), text);
  const hooks = join(root, 'src', 'supervisor', 'git-gate', 'hooks');
  await cp(hooks, join(directory, 'git-hooks'), { recursive: true });
}
