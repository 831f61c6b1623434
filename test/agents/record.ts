/**
 * Records what the real CLIs print, for `readers.test.ts`: `node test/agents/record.ts`. Paths are those inside of a sandbox;
 * nothing of the machine is in it.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  inOrder,
  planLimitReached,
  refusals,
  type Turn,
  usageLimitReached,
} from '../../src/demo/model-turn.ts';
import { agentCliNames } from '../../tools/agent-clis.ts';
import { CliBottle, type CliRunOptions } from './cli-bottle.ts';

const fixtures = join(import.meta.dirname, '..', 'fixtures', 'agents');

const steps: Turn[] = [
  {
    say: 'I look around.',
    run: 'echo hello; ls nowhere; exit 3',
    tokens: { input: 100, output: 10 },
  },
  { run: 'seq 100', tokens: { input: 120, output: 5 } },
  { say: 'All done.', tokens: { input: 130, output: 3 } },
];
const always = (turn: Turn) => () => turn;
/** 2100-01-01T12:00:00Z */
const farAway = 4_102_488_000;

/** The few tries that a recording wants. */
const impatient: Pick<CliRunOptions, 'environment' | 'extraArguments'> = {
  environment: { CLAUDE_CODE_MAX_RETRIES: '1' },
};

const failures: Record<
  string,
  readonly [string, CliRunOptions['model'], Partial<CliRunOptions>][]
> = {
  claude: [
    ['unauthorized', always({ fail: refusals.unauthorized }), {}],
    ['rate-limited', always({ fail: refusals.rateLimited }), {}],
    [
      'plan-limit',
      always({ fail: planLimitReached(farAway) }),
      { environment: { ANTHROPIC_API_KEY: '', CLAUDE_CODE_OAUTH_TOKEN: 'none' } },
    ],
    ['turn-limit', always({ run: 'true' }), { turnLimit: 2 }],
  ],
  codex: [
    ['usage-limit', always({ fail: usageLimitReached(farAway) }), {}],
    ['cut-short', always({ fail: 'cut-short' }), {}],
  ],
  pi: [
    ['unauthorized', always({ fail: refusals.unauthorized }), {}],
    ['html', always({ fail: 'html' }), {}],
    ['rate-limited-once', inOrder([{ fail: refusals.rateLimited }, ...steps]), {}],
  ],
};

for (const name of agentCliNames) {
  const bottle = await CliBottle.create(name);
  const extraArguments =
    name === 'codex'
      ? ['request_max_retries=1', 'stream_max_retries=1'].flatMap((setting) => [
          '-c',
          `model_providers.gateway.${setting}`,
        ])
      : [];
  const record = async (scene: string, options: CliRunOptions): Promise<string | undefined> => {
    const environment = { ...impatient.environment, ...options.environment };
    const { stdout, facts } = await bottle.run({ extraArguments, ...options, environment });
    await writeFile(join(fixtures, `${name}-${scene}.ndjson`), stdout);
    return facts.session;
  };
  const session = await record('steps', { model: inOrder(steps) });
  await record('resumed', {
    model: inOrder([{ run: 'echo again' }, { say: 'Once more.' }]),
    session,
  });
  for (const [scene, model, options] of failures[name] ?? []) {
    await record(scene, { model, ...options });
  }
  await bottle.remove();
}
