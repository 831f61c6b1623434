import { z } from 'zod';
import { fetchFailure } from '../domain/fetch-failure.ts';
import { fail, pass, warn, type Check, type Finding } from './check.ts';

const readiness = z.object({
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), reason: z.string().nullable() })),
});
const health = z.object({ status: z.literal('ok'), version: z.string() });

/** Whether an orchestrator answers at `url`, and what it says of itself. */
export function orchestratorCheck(url: string, ours: string): Check {
  return {
    name: 'orchestrator',
    async run(signal) {
      const found = await askHealth(url, signal);
      if (found === 'nobody') {
        return [warn(`none answers at ${url}`, 'Start it: `orchestrator run`.')];
      }
      if (found === 'somebody else') {
        return [
          fail(
            `something that is no orchestrator answers at ${url}`,
            'Stop it, or give the orchestrator another port with FORGE_WEBHOOK_PORT, and the webhook too.',
          ),
        ];
      }
      const { version } = found;
      return [
        ...(version === ours
          ? []
          : [
              warn(
                `it has version ${version}, and this command ${ours}`,
                'Restart it to have the new version; bottles keep running.',
              ),
            ]),
        ...(await examineReadiness(url, signal)),
      ];
    },
  };
}

export async function isOrchestratorRunning(url: string, signal: AbortSignal): Promise<boolean> {
  return typeof (await askHealth(url, signal)) === 'object';
}

async function examineReadiness(url: string, signal: AbortSignal): Promise<Finding[]> {
  const answer = await fetch(`${url}/readyz`, { signal });
  const { checks } = readiness.parse(await answer.json());
  const bad = checks.filter(({ ok }) => !ok);
  return bad.length === 0
    ? [pass(`it answers at ${url} and is ready`)]
    : bad.map(({ name, reason }) =>
        fail(
          `it is not ready: ${name}: ${reason ?? 'no reason given'}`,
          'See what this command says of that below or above, and the log of the orchestrator.',
        ),
      );
}

async function askHealth(
  url: string,
  signal: AbortSignal,
): Promise<'nobody' | 'somebody else' | z.infer<typeof health>> {
  let answer: Response;
  try {
    answer = await fetch(`${url}/healthz`, { signal });
  } catch (error) {
    signal.throwIfAborted();
    return fetchFailure(error).code === 'ECONNREFUSED' ? 'nobody' : 'somebody else';
  }
  const parsed = health.safeParse(await answer.json().catch(() => undefined));
  return parsed.data ?? 'somebody else';
}
