import { setInterval } from 'node:timers/promises';
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { RunKey } from '../bottles/host.ts';
import { HostFullError } from '../domain/errors.ts';
import type { RunEnd } from '../domain/run.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { HostActivities } from './inputs.ts';
import { createLaunch, type LaunchPorts } from './launch.ts';
import type { Places } from './places.ts';
import { createRelay, type RelayPorts, shortened } from './relay.ts';

export interface HostActivityPorts extends LaunchPorts, RelayPorts {
  readonly places: Places;
}

const deathCheckMs = 1_000;

/** What the machine that has the bottle does. */
export function createHostActivities(ports: HostActivityPorts): HostActivities {
  const { host, store, credentials, places } = ports;
  const launch = createLaunch(ports);

  return {
    async launchBottle(input) {
      const run = { slug: input.life.slug, run: input.run };
      // The slots of the launch queue keep the limit; one reserved by an idle poller can be one too many.
      const launched = await withHeartbeat(() => places.launch(run.slug, () => launch(input, run)));
      if (launched === 'full') {
        throw ApplicationFailure.create({
          type: HostFullError.name,
          message: `all ${places.limit} places are taken`,
          nextRetryDelay: '250 milliseconds',
        });
      }
      return launched;
    },

    async watchBottle(input) {
      const { slug, run } = input;
      const { cancellationSignal } = Context.current();
      const observer = await createRelay(ports, input);
      const detach = new AbortController();
      const signal = AbortSignal.any([cancellationSignal, detach.signal]);
      try {
        const end = await withHeartbeat(async () =>
          Promise.race([
            host.watch({ slug, run }, credentials, observer, signal),
            // A dead supervisor seals nothing: whoever notices does.
            sealWhenDead({ slug, run }, signal),
          ]),
        );
        await store.runs.ended(slug, run, end);
        return { end: shortened(end), pullRequest: observer.pullRequestNumber };
      } finally {
        detach.abort();
      }
    },

    async stopRun({ slug, run, reason }) {
      return shortened(await withHeartbeat(() => host.stop({ slug, run }, reason)));
    },

    async probeRun({ slug, run }) {
      const probe = await host.probe({ slug, run });
      return probe.state === 'ended' ? { state: 'ended', end: shortened(probe.end) } : probe;
    },

    async freezeBottle({ issue, slug }) {
      await store.issues.update(issue, { phase: 'freezing' });
      await withHeartbeat(() => host.freeze(slug));
    },

    async destroyBottle({ slug }) {
      await withHeartbeat(() => host.destroy(slug));
    },
  };

  async function sealWhenDead(run: RunKey, signal: AbortSignal): Promise<RunEnd> {
    for await (const _ of setInterval(deathCheckMs, undefined, { signal })) {
      if ((await host.probe(run)).state === 'dead') {
        await host.stop(run, 'cancelled');
        break;
      }
    }
    // The watch drains what is left and resolves: it, not this, tells the end.
    return await new Promise<RunEnd>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }
}
