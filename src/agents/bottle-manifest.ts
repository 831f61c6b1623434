import { isAbsolute, normalize } from 'node:path';
import * as z from 'zod';
import { readFrontMatter, type FrontMatter } from './front-matter.ts';
import type { ManifestSource } from './manifest-source.ts';
import { bytes, manifestName } from './manifest-values.ts';

/** `bottles/<name>.md` by itself: where an agent works. The body is for people. */
export interface BottleSource extends FrontMatter<BottleKeys> {
  readonly source: ManifestSource;
}

export type BottleKeys = z.infer<typeof bottleSchema>;

const egressForm = 'must be a host, or *.host for all below it, with a :port if not 443';
const egressHost = z
  .string(`${egressForm}, in quotes: "*.example.com"`)
  .max(260, egressForm)
  .transform((text) => text.toLowerCase())
  .superRefine((text, context) => {
    const match = /^(\*\.)?([a-z0-9_.-]+)(?::(\d{1,5}))?$/.exec(text);
    const labels = (match?.[2] ?? '').split('.');
    const port = Number(match?.[3] ?? 443);
    if (
      labels.some((label) => !/^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label)) ||
      port < 1 ||
      port > 65_535
    ) {
      context.addIssue(egressForm);
    } else if (/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) {
      context.addIssue('must be a name: addresses are judged after names are resolved');
    } else if (match?.[1] !== undefined && labels.length < 2) {
      context.addIssue('is too wide: name at least a domain, as in *.example.com');
    }
  });

/** `[registry[:port]/]path[:tag][@digest]`, as the OCI distribution writes it. */
const imageReference =
  /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@[a-z][a-z0-9]*(?:[-_+.][a-z][a-z0-9]*)*:[0-9a-f]{32,})?$/;

/** Every key may be left out: what it then is comes from the bottle that is extended, or is a default. */
export const bottleSchema = z.strictObject(
  {
    extends: manifestName('my-bottle')
      .optional()
      .meta({
        description:
          'A bottle whose keys count where this one has none. Single values of the nearer one win, `environment` is added name by name, `egress`, `tools` and `llm` come after the inherited ones.',
        examples: ['small'],
      }),
    backend: z
      .enum(
        ['local', 'docker', 'bot-bottle'],
        'must be the name of a backend: local, docker, bot-bottle',
      )
      .optional()
      .describe('How it is realised; `local` where that works, else `docker`, unless given.'),
    image: z
      .string('must be text')
      .max(512, { error: 'is longer than any image is called', abort: true })
      .regex(imageReference, 'must name an image: registry.example.com/agents:1.2')
      .optional()
      .meta({
        description:
          'What a container starts from, only with `backend: docker`; `bot-bottle-agent:latest` unless given.',
        examples: ['bot-bottle-agent:latest'],
      }),
    engine: z
      .enum(
        ['docker', 'smolmachines', 'macos-container'],
        'must be the name of an engine: docker, smolmachines, macos-container',
      )
      .optional()
      .describe(
        'Only with `backend: bot-bottle`: its engine; what that CLI chooses, unless given.',
      ),
    bottles: z
      .array(manifestName('my-bottle'), 'must be a list of names: [dev, claude]')
      .optional()
      .meta({
        description:
          "Only with `backend: bot-bottle`: what it is made of, by that CLI's names; its agent's, unless given.",
        examples: [['dev', 'claude']],
      }),
    egress: z
      .array(egressHost, 'must be a list of hosts: [example.com, "*.example.org:8443"]')
      .optional()
      .meta({
        description: 'Hosts that the agent may reach, by HTTP proxy; none unless given.',
        examples: [['example.com', '*.example.org:8443']],
      }),
    memory: bytes.optional().meta({
      description: 'Limit: bytes, or a number with k, m or g; 4g unless given.',
      examples: ['4g'],
    }),
    cpus: z
      .number('must be a number: 1.5')
      .positive('must be more than 0')
      .max(1024)
      .optional()
      .meta({ description: 'Limit; none unless given.', examples: [1.5] }),
    pids: z
      .int('must be a whole number')
      .min(16, 'must be at least 16: less starts no agent')
      .max(4_194_304)
      .optional()
      .meta({
        description: 'Limit of processes and threads, a whole number from 16; 1024 unless given.',
        examples: [256],
      }),
    disk: bytes.optional().meta({
      description: 'Limit, as memory; none unless given. `local` and `docker` cannot keep it.',
      examples: ['20g'],
    }),
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
      .optional()
      .meta({
        description:
          "Names and texts, added to the agent's environment as they are. No place for secrets.",
        examples: [{ TZ: 'UTC' }],
      }),
    tools: z
      .array(
        z
          .string('must be text')
          .max(4096)
          .refine(
            (path) =>
              isAbsolute(path) &&
              normalize(path) === path &&
              !path.endsWith('/') &&
              !/\p{Cc}/u.test(path),
            'must be an absolute path without . and .. and a slash at its end',
          ),
        'must be a list of absolute paths: [/opt/go]',
      )
      .optional()
      .meta({
        description:
          'Files and directories of the host, by absolute path, read-only at `/opt/tools/<last part>`; none unless given.',
        examples: [['/home/me/agent-tools/claude']],
      }),
    llm: z
      .array(manifestName('my-route'), 'must be a list of routes: [anthropic]')
      .optional()
      .meta({
        description: 'Model routes that the agent may use, by name; none unless given.',
        examples: [['anthropic']],
      }),
  },
  'must be keys and values',
);

/** @throws ConfigError with the file, the line and the key */
export function parseBottleManifest(source: ManifestSource): BottleSource {
  return { ...readFrontMatter(source.file, source.text, bottleSchema), source };
}
