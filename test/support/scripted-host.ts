import { ApplicationFailure, Context } from '@temporalio/activity';
import type {
  ForgeActivities,
  HostActivities,
  LaunchInput,
  OpenLifeOutput,
  RecordActivities,
  ReportActivities,
} from '../../src/activities/inputs.ts';
import type { Outcome, RunEnd } from '../../src/domain/run.ts';

/**
 * Activities that do what a test says, for tests of the workflow alone: rare orders of events and faults. The real
 * ones have their own tests, and the whole story runs on them.
 */
export class ScriptedHost {
  readonly hostId = `test-${Math.random().toString(36).slice(2, 10)}`;
  readonly calls: string[] = [];
  readonly launches: LaunchInput[] = [];
  readonly phases: string[] = [];
  /** What people are to be told of besides on the forge, by run. */
  readonly notified: string[] = [];
  /** What the forge was told to show: label and commit status. */
  readonly shown: string[] = [];
  /** Places on the host. */
  places = 10;
  /** What `openLife` answers; a target unless a test says otherwise. */
  opening: (() => OpenLifeOutput) | undefined;
  targeted = true;
  launchFailure: (() => Error) | undefined;
  reportFailure: (() => Error) | undefined;
  /** Resolves when the forge answers what it is asked. */
  forgeAnswers: Promise<void> = Promise.resolve();
  /** `deadline` and `watchdog` answers of the probe. */
  lastCheckinAt: (() => number) | undefined;
  readUpTo = 0;
  /** What the agent's manifest says. */
  timeLimitMs: number | undefined;
  /** What happens while a phase is recorded: within a workflow task. */
  whileRecording: ((phase: string) => Promise<void>) | undefined;
  destroyDelay: Promise<void> = Promise.resolve();
  lives = 0;
  /** Watches that go on now. */
  watching = 0;
  readonly #runs = new Map<string, ScriptedRun>();

  run(number: number): ScriptedRun {
    for (const [key, run] of this.#runs) {
      if (key.endsWith(`/${number}`)) {
        return run;
      }
    }
    throw new Error(`run ${number} was not launched`);
  }

  living(): number {
    return [...this.#runs.values()].filter((run) => run.ended === undefined).length;
  }

  readonly forge: ForgeActivities = {
    openLife: async (input) => {
      await this.forgeAnswers;
      this.calls.push(`openLife ${input.cause}`);
      if (this.opening !== undefined) {
        return this.opening();
      }
      this.lives++;
      return {
        verdict: 'target',
        life: {
          number: this.lives,
          slug: input.slug,
          branch: `bot-bottle/issue-${input.issue.number}`,
          agent: 'demo',
          bottle: 'default',
          backend: 'local',
          hostId: this.hostId,
          title: 'An issue',
          url: 'http://forge/acme/widgets/issues/1',
        },
        pullRequest: undefined,
        lastSequence: 0,
      };
    },
    checkTarget: async () => {
      this.calls.push('checkTarget');
      await this.forgeAnswers;
      return { targeted: this.targeted };
    },
  };

  readonly reports: ReportActivities = {
    reportRun: async ({ run }) => {
      if (this.reportFailure !== undefined) {
        throw this.reportFailure();
      }
      this.calls.push(`reportRun ${run}`);
    },
    showState: async ({ label, status }) => {
      await this.forgeAnswers;
      this.shown.push([label, status && `${status.state} #${status.pullRequest}`].join(' ').trim());
    },
    askForApproval: async ({ agent }) => {
      this.calls.push(`askForApproval ${agent}`);
    },
    reportLaunchFailure: async ({ run }) => {
      this.calls.push(`reportLaunchFailure ${run}`);
    },
  };

  readonly records: RecordActivities = {
    recordAttention: async ({ attention }) => {
      this.calls.push(`recordAttention ${attention}`);
    },
    recordPhase: async ({ phase, run, notify }) => {
      this.phases.push(phase);
      await this.whileRecording?.(phase);
      if (notify !== undefined) {
        this.notified.push(`${notify} ${run}`);
      }
    },
    recordLaunchFailure: async ({ run }) => {
      this.calls.push(`recordLaunchFailure ${run}`);
    },
  };

  readonly activities: HostActivities = {
    launchBottle: async (input) => {
      if (this.launchFailure !== undefined) {
        throw this.launchFailure();
      }
      const key = `${input.life.slug}/${input.run}`;
      this.calls.push(`launchBottle ${input.run}`);
      if (!this.#runs.has(key)) {
        this.launches.push(input);
        this.#runs.set(key, new ScriptedRun());
      }
      return {
        readUpTo: this.readUpTo,
        promptDigest: 'digest',
        ...(this.timeLimitMs !== undefined && { timeLimitMs: this.timeLimitMs }),
      };
    },
    watchBottle: async ({ slug, run }) => {
      const running = this.#runs.get(`${slug}/${run}`);
      if (running === undefined) {
        throw new Error(`watch of ${slug}/${run} before its launch`);
      }
      const context = Context.current();
      const beat = setInterval(() => context.heartbeat(), 500);
      this.watching++;
      try {
        const end = await Promise.race([running.end, context.cancelled]);
        return { end, pullRequest: running.pullRequest };
      } finally {
        clearInterval(beat);
        this.watching--;
      }
    },
    stopRun: async ({ slug, run, reason }) => {
      this.calls.push(`stopRun ${run} ${reason}`);
      const key = `${slug}/${run}`;
      const running = this.#runs.get(key);
      if (running === undefined) {
        return { outcome: 'cancelled', endedAt: Date.now() };
      }
      return running.finish(reason);
    },
    probeRun: async ({ slug, run }) => {
      this.calls.push(`probeRun ${run}`);
      const running = this.#runs.get(`${slug}/${run}`);
      if (running?.ended !== undefined) {
        return { state: 'ended', end: running.ended };
      }
      return { state: 'alive', lastCheckinAt: this.lastCheckinAt?.() ?? 0 };
    },
    freezeBottle: async () => {
      this.calls.push('freezeBottle');
    },
    destroyBottle: async () => {
      this.calls.push('destroyBottle');
      await this.destroyDelay;
    },
  };
}

export class ScriptedRun {
  ended: RunEnd | undefined;
  pullRequest: number | undefined;
  readonly startedAt = Date.now();
  readonly end: Promise<RunEnd>;
  #resolve: (end: RunEnd) => void = () => {};

  constructor() {
    this.end = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** The first end stays. */
  finish(outcome: Outcome, details: Partial<RunEnd> = {}): RunEnd {
    this.ended ??= { outcome, startedAt: this.startedAt, endedAt: Date.now(), ...details };
    this.#resolve(this.ended);
    return this.ended;
  }

  done(pullRequest = 7): RunEnd {
    this.pullRequest = pullRequest;
    return this.finish('done', { exitCode: 0, done: { status: 'success', summary: 'did it' } });
  }
}

export function permanentFailure(message: string): Error {
  return ApplicationFailure.nonRetryable(message, 'LaunchRefusedError');
}
