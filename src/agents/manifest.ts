import * as z from 'zod';
import type { LaunchRequest } from '../bottles/host.ts';
import type { BackendName } from '../domain/bottle.ts';
import { readFrontMatter } from './front-matter.ts';
import type { AgentCommand, RunContext } from './provider.ts';
import { script } from './script.ts';

/** `agents/<name>.md`: who works. */
export interface AgentManifest {
  /** Undefined: the issue has to name one by a label. */
  readonly bottle: string | undefined;
  /** The body: what the agent is told before its task; may be empty. */
  readonly standingPrompt: string;
  command(context: RunContext): AgentCommand;
}

/** `bottles/<name>.md`: where it works. The body is for people. */
export interface BottleManifest {
  readonly backend: BackendName;
  readonly limits: LaunchRequest['limits'];
  readonly environment: Readonly<Record<string, string>>;
}

/** Names of agents and bottles, which are file names and parts of labels. */
export function isManifestName(name: string): boolean {
  return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && name.length <= 63;
}

const manifestName = z
  .string('must be text')
  .refine(isManifestName, 'must be a name in kebab-case: my-bottle');

const agentKeys = z.strictObject(
  {
    provider: z.literal('script', 'must be the name of a provider: script'),
    bottle: manifestName.optional(),
    ...script.keys,
  },
  'must be keys and values',
);

/** @param file as it is named in errors @throws ConfigError with the file, the line and the key */
export function parseAgentManifest(file: string, text: string): AgentManifest {
  const { value, body } = readFrontMatter(file, text, agentKeys);
  return {
    bottle: value.bottle,
    standingPrompt: body,
    command: (context) => script.command(value, context),
  };
}

/** What a bottle gets whose manifest says nothing: an agent that runs wild must not take the host with it. */
const defaults = { memory: 4 * 1024 ** 3, pids: 1024 } as const;

const memoryForm = 'must be bytes, or a number with k, m or g: 512m';
const memory = z
  .union([z.int(), z.string()], memoryForm)
  .transform(String)
  .pipe(z.string().regex(/^[1-9]\d{0,11}[kmg]?$/i, memoryForm))
  .transform((text) => {
    const power = ['', 'k', 'm', 'g'].indexOf(/[kmg]?$/.exec(text.toLowerCase())?.[0] ?? '');
    return Number.parseInt(text, 10) * 1024 ** power;
  })
  .refine(Number.isSafeInteger, 'is more than there can be');

const bottleKeys = z.strictObject(
  {
    backend: z.literal('local', 'must be the name of a backend: local').default('local'),
    memory: memory.default(defaults.memory),
    cpus: z.number('must be a number: 1.5').positive('must be more than 0').max(1024).optional(),
    pids: z
      .int('must be a whole number')
      .min(16, 'must be at least 16: less starts no agent')
      .max(4_194_304)
      .default(defaults.pids),
    environment: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
        z
          .string('must be text: quote it')
          .refine((value) => !value.includes('\0'), 'must not hold a NUL character'),
        {
          error: ({ code }) =>
            code === 'invalid_key' ? 'is not the name of a variable' : 'must be names and values',
        },
      )
      .default({}),
  },
  'must be keys and values',
);

/** @param file as it is named in errors @throws ConfigError with the file, the line and the key */
export function parseBottleManifest(file: string, text: string): BottleManifest {
  const {
    backend,
    environment,
    memory: memoryBytes,
    cpus,
    pids,
  } = readFrontMatter(file, text, bottleKeys).value;
  return {
    backend,
    environment,
    limits: {
      memoryBytes,
      pids,
      ...(cpus === undefined ? {} : { cpus }),
    },
  };
}
