import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { inside } from '../bottles/directory.ts';
import type { LauncherMessage, SupervisorMessage } from '../bottles/launch-protocol.ts';
import { setUp } from './set-up.ts';

/**
 * The first program inside a bottle. Hands the door's listener out to the supervisor, clones, and becomes the agent.
 *
 * The agent is executed only after a round trip to the supervisor: a supervisor that was killed cannot answer, and
 * without it this program ends. So no agent ever runs whose supervisor died before bubblewrap was watching it.
 */
process.once('disconnect', () => process.exit(1));
process.on('message', (message: SupervisorMessage) => {
  if (message.type === 'setup') void setUp(message).then(report);
  else execute(message.argv, message.environment);
});

const door = createServer();
door.listen(inside.doorPort, '127.0.0.1', () => {
  process.send?.({ type: 'listening' } satisfies LauncherMessage, door, {}, () => door.close());
});

function execute(argv: readonly string[], environment: Readonly<Record<string, string>>): void {
  for (const descriptor of inheritedDescriptors()) closeSync(descriptor);
  // Node ignores some signals, and an ignored signal stays ignored: `env` restores them. It also looks the program up,
  // and ends with 127 and a line that says so when there is none.
  const env = ['env', '--default-signal', '--', ...argv];
  (process.execve as NonNullable<typeof process.execve>)('/usr/bin/env', env, { ...environment });
}

/** Those that the agent would get besides stdin, stdout and stderr. All others close by themselves. */
function inheritedDescriptors(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((descriptor) => descriptor > 2 && !closesOnExec(descriptor));
}

function closesOnExec(descriptor: number): boolean {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
    return (Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8) & 0o2000000) !== 0;
  } catch {
    // The descriptor of the listing itself: closed since.
    return true;
  }
}

function report(message: LauncherMessage): void {
  process.send?.(message);
}
