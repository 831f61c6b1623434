import {
  ActivityCancellationType,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  log,
  patched,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { bottleSlug } from '../domain/ids.ts';
import type { IssueCommand } from '../domain/issue-command.ts';
import { utcTime } from '../domain/utc-time.ts';
import {
  forge,
  hostActivities,
  records,
  reports as reporter,
  reportsAtOnce,
} from './activity-options.ts';
import {
  beginState,
  type BeginCause,
  type IssueState,
  type Life,
  mustEnd,
  needsReport,
  parkedUntil,
} from './issue-state.ts';
import {
  type Accepted,
  approveUpdate,
  type Command,
  commandRefused,
  destroyUpdate,
  type ExtendDeadline,
  extendDeadlineUpdate,
  freezeUpdate,
  issueEvent,
  type IssueWorkflowInput,
  pullRequestComment,
  pullRequestEvent,
  resumeUpdate,
  retryUpdate,
  signalDone,
  statusQuery,
  timelineQuery,
} from './messages.ts';
import { type NotifiedEnd, notifiedEnd } from './notified-end.ts';
import { nextStep } from './next-step.ts';
import { reduce, type StateEvent } from './reduce.ts';
import { refusal } from './refusal.ts';
import { failureOf, settled, until, valueOf } from './settled.ts';
import { type ShownState, shownState } from './shown-state.ts';
import { details, publish } from './visibility.ts';

/** The patch of what a further round of comments costs: 61 events before it, 45 since. */
const fewerEvents = 'fewer-events';

/**
 * One issue, from targeted to destroyed. Waits, timers, retries and order are Temporal's; what an event means is
 * `reduce`'s; what to do next is `nextStep`'s; what a step does is an activity's.
 */
export function issueWorkflow(input: IssueWorkflowInput): Promise<void> {
  const { issue, settings } = input;
  const { workflowId, runId } = workflowInfo();
  const began = input.carried ?? beginState(issue, Date.now());
  let state: IssueState = began;
  /** Comments on the forge that are being posted while the issue goes on. */
  const reports = new Set<Promise<void>>();
  /** What the forge shows, as JSON; undefined when that is nothing. */
  let shown: string | undefined;
  /** The forge is being asked whether the issue is still a target. */
  let checking = false;

  function apply(event: StateEvent): void {
    const before = state.phase;
    state = reduce(state, event, Date.now());
    // A round has few events to spare, and freezing is soon over: what is frozen is published with the same and more.
    if (state.phase !== before && !(state.phase === 'freezing' && patched(fewerEvents))) {
      publish(state);
    }
    setCurrentDetails(details(state));
  }

  setHandler(signalDone, (event) => apply({ type: 'signal_done', event }));
  setHandler(issueEvent, (event) => apply({ type: 'issue_event', event }));
  setHandler(pullRequestEvent, (event) => apply({ type: 'pr_event', event }));
  setHandler(pullRequestComment, (event) => apply({ type: 'pr_comment', event }));
  for (const [update, command] of [
    [approveUpdate, 'approve'],
    [freezeUpdate, 'freeze'],
    [resumeUpdate, 'resume'],
    [retryUpdate, 'retry'],
    [destroyUpdate, 'destroy'],
  ] as const) {
    setHandler(
      update,
      (asked: Command): Accepted => {
        const { phase } = state;
        apply({ ...asked, type: 'command', command });
        return { phase };
      },
      { validator: ({ sequence }: Command) => refuse(state, command, sequence) },
    );
  }
  setHandler(
    extendDeadlineUpdate,
    (asked: ExtendDeadline): Accepted => {
      apply({ ...asked, type: 'extended' });
      return { phase: state.phase };
    },
    {
      validator: ({ byMs, sequence }: ExtendDeadline) => {
        if (!Number.isSafeInteger(byMs) || byMs <= 0) {
          throw ApplicationFailure.nonRetryable(
            'byMs is not a time in milliseconds',
            commandRefused,
          );
        }
        refuse(state, 'extend', sequence);
      },
    },
  );
  setHandler(statusQuery, () => ({
    issue,
    phase: state.phase,
    since: state.since,
    life: state.life?.number,
    slug: state.life?.slug,
    agent: state.life?.agent,
    run: state.run,
    branch: state.life?.branch,
    pullRequest: state.pullRequest,
    outcome: state.lastEnd?.outcome,
    deadlineAt: state.running?.deadlineAt,
    parkedUntil: parkedUntil(state),
    unreadComments: state.unread.length,
    held: state.held,
    awaitsApproval: state.awaitsApproval === true,
  }));
  setHandler(timelineQuery, () => state.timeline);

  setCurrentDetails(details(state));
  if (input.carried !== undefined) {
    publish(state);
  }
  // A cancellation asked for in Temporal ends the life in good order, like the command.
  void CancellationScope.current().cancelRequested.catch(() =>
    apply({ type: 'command', command: 'destroy', by: 'a cancellation in Temporal' }),
  );
  return CancellationScope.nonCancellable(live);

  async function live(): Promise<void> {
    if (input.carried === undefined) {
      // Whoever starts a life sends a signal or an update with it, which says why.
      await condition(() => state !== began);
    }
    if (state.life !== undefined) {
      follow();
    }
    for (;;) {
      const step = nextStep(state, settings.commentDebounceMs);
      switch (step.do) {
        case 'open':
          if (!(await open())) {
            return;
          }
          follow();
          break;
        case 'await-approval':
          await awaitApproval(theLife());
          break;
        case 'launch':
          await launch(theLife());
          break;
        case 'watch':
          await watch(theLife());
          break;
        case 'freeze':
          await freeze(theLife());
          break;
        case 'resume':
          await resume();
          break;
        case 'wait':
          await wait(step.until);
          break;
        case 'destroy':
          await destroy(theLife());
          break;
        case 'begin-again':
          // A comment that cannot be posted does not keep the next life waiting for long.
          await condition(allTold, '1 minute');
          await beginAgain(step.cause);
          break;
        case 'finish':
          if (await isOver()) {
            return;
          }
          break;
      }
    }
  }

  /** Reads the issue. False when there is nothing to do: the workflow completes. */
  async function open(): Promise<boolean> {
    const slug = bottleSlug(issue, workflowId, runId);
    for (;;) {
      apply({ type: 'opening' });
      const scope = new CancellationScope();
      const reading = settled(
        scope.run(() =>
          forge.openLife.executeWithOptions({ summary: 'is it a target?' }, [
            {
              issue,
              workflowId,
              executionId: runId,
              slug,
              cause: state.cause,
              lastSequence: state.lastSequence,
              follows: input.carried !== undefined,
            },
          ]),
        ),
      );
      await condition(() => reading.state !== 'pending' || state.destroy !== undefined);
      if (reading.state === 'pending') {
        scope.cancel();
        await condition(() => reading.state !== 'pending');
      }
      if (state.destroy !== undefined && reading.state !== 'resolved') {
        return false;
      }
      const opening = valueOf(reading);
      if (opening.verdict === 'target') {
        apply({ type: 'opened', ...opening, awaitsApproval: settings.approval === 'required' });
        publish(state);
        return true;
      }
      log.info('nothing to do', { reason: opening.reason });
      if (!state.recheck) {
        return false;
      }
    }
  }

  /** Begins what goes on beside the steps of a life. */
  function follow(): void {
    void keepChecking();
    void keepShowing();
  }

  /** Asks the forge whenever label or assignee may have changed. Nobody waits for it: a forge may be down for hours. */
  async function keepChecking(): Promise<void> {
    for (;;) {
      await condition(() => state.recheck);
      apply({ type: 'checking-target' });
      checking = true;
      const closedCounts = !state.everRan;
      const { targeted } = await forge.checkTarget.executeWithOptions(
        { summary: 'still a target?' },
        [{ issue, closedCounts }],
      );
      checking = false;
      apply({ type: 'target-checked', targeted, closedCounts });
    }
  }

  /**
   * Shows on the forge where the issue is: one state at a time, and of those that come meanwhile the newest. Nobody waits for it
   * but the end.
   */
  async function keepShowing(): Promise<void> {
    for (;;) {
      await condition(() => !isShown());
      const next = toShow();
      if (next !== undefined) {
        await show(next);
      }
      shown = JSON.stringify(next);
    }
  }

  /** At once where the forge answers; else for as long as other reports are tried. */
  async function show(next: ShownState): Promise<void> {
    const summary = next.status?.description ?? next.label ?? 'no label';
    for (const { showState } of patched(fewerEvents) ? [reportsAtOnce, reporter] : [reporter]) {
      try {
        return await showState.executeWithOptions({ summary }, [{ issue, ...next }]);
      } catch (error) {
        const { message } = failureOf({ state: 'rejected', error });
        log.warn('the forge was not told where the issue is', { message });
      }
    }
  }

  function toShow(): ShownState | undefined {
    return shownState(state, settings.shows);
  }

  function isShown(): boolean {
    return JSON.stringify(toShow()) === shown;
  }

  /** However long it takes, it costs nothing. */
  async function awaitApproval({ slug, agent }: Life): Promise<void> {
    await recordPhase('needs-you');
    report('it waits for approval', () =>
      reporter.askForApproval.executeWithOptions({ summary: 'say that it waits for approval' }, [
        { issue, slug, agent },
      ]),
    );
    const decided = (): boolean => state.awaitsApproval !== true || mustEnd(state);
    await condition(() => decided() || mayGoOn());
    if (!decided()) {
      await goOn();
    }
    await recordPhase();
  }

  /** Waits for a place and starts the next run there; gives up when it is no longer wanted. */
  async function launch(life: Life): Promise<void> {
    const run = { issue, slug: life.slug, run: state.run + 1 };
    const host = hostActivities(life.hostId);
    const scope = new CancellationScope();
    const launching = scope.run(() =>
      host.launchBottle.executeWithOptions({ summary: `run ${run.run}: ${state.runCause}` }, [
        {
          issue,
          workflowId,
          life,
          run: run.run,
          pullRequest: state.pullRequest,
          cause: state.runCause,
          resumes: state.everRan,
          deadlineMs: settings.runDeadlineMs,
        },
      ]),
    );
    const outcome = settled(launching);
    await condition(() => outcome.state !== 'pending' || mustEnd(state));
    if (outcome.state === 'pending') {
      scope.cancel();
      await condition(() => outcome.state !== 'pending');
    }
    if (outcome.state === 'resolved') {
      apply({
        type: 'launched',
        deadlineMs: Math.min(settings.runDeadlineMs, outcome.value.timeLimitMs ?? Infinity),
        readUpTo: outcome.value.readUpTo,
      });
      return;
    }
    const failure = failureOf(outcome);
    if (failure.type === 'HostFullError') {
      return;
    }
    // The attempt may have started an agent all the same: only the journal knows.
    const end = await host.stopRun.executeWithOptions(
      { summary: `run ${run.run}: seal what did not start` },
      [{ ...run, reason: 'cancelled' }],
    );
    if (end.startedAt !== undefined) {
      apply({
        type: 'launched',
        deadlineMs: settings.runDeadlineMs,
        readUpTo: state.readUpTo,
      });
      return;
    }
    const reason = failure.message;
    await records.recordLaunchFailure({ ...run, reason });
    const wanted = !mustEnd(state);
    if (wanted) {
      apply({ type: 'launch-failed', run: run.run, reason });
      report(`run ${run.run} could not be started`, () =>
        reporter.reportLaunchFailure.executeWithOptions({ summary: 'say that the launch failed' }, [
          { ...run, pullRequest: state.pullRequest, reason },
        ]),
      );
    } else {
      apply({ type: 'launch-cancelled', run: run.run });
    }
    await recordPhase(wanted ? 'failed' : undefined);
  }

  /**
   * Watches the current run to its end. A single timer serves watchdog and deadline: when it fires, a probe asks for
   * the last check-in, and the rest is slept. Between probes a lively run costs no event.
   */
  async function watch(life: Life): Promise<void> {
    const run = { issue, slug: life.slug, run: state.run };
    const host = hostActivities(life.hostId);
    const watching = settled(
      CancellationScope.nonCancellable(() =>
        host.watchBottle.executeWithOptions(
          {
            summary: `run ${run.run}: ${state.runCause}`,
            // A life that goes on as a new execution leaves the watch to its successor.
            cancellationType: ActivityCancellationType.ABANDON,
          },
          [run],
        ),
      ),
    );
    let stopped = false;
    while (watching.state === 'pending') {
      if (!stopped && mustEnd(state)) {
        stopped = await stop(run, 'cancelled');
        continue;
      }
      if (mayGoOn() && !stopped) {
        await goOn();
      }
      const { running } = state;
      if (running === undefined || stopped) {
        await condition(() => watching.state !== 'pending');
        continue;
      }
      const dueAt = Math.min(
        running.lastCheckinAt + settings.watchdogTimeoutMs,
        running.deadlineAt,
      );
      const woken = await until(
        dueAt,
        () =>
          watching.state !== 'pending' ||
          mustEnd(state) ||
          mayGoOn() ||
          state.running?.deadlineAt !== running.deadlineAt,
        dueAt === running.deadlineAt ? 'deadline' : `watchdog until ${utcTime(dueAt, Date.now())}`,
      );
      if (woken) {
        continue;
      }
      if (Date.now() >= running.deadlineAt) {
        stopped = await stop(run, 'deadline');
        continue;
      }
      const probe = await host.probeRun.executeWithOptions(
        { summary: 'when was the last check-in?' },
        [run],
      );
      if (probe.state === 'alive') {
        apply({ type: 'probed', lastCheckinAt: probe.lastCheckinAt });
        if (Date.now() < probe.lastCheckinAt + settings.watchdogTimeoutMs) {
          continue;
        }
      }
      // `ended`: the watch is about to say so, and stopping changes nothing.
      stopped = await stop(run, 'watchdog');
    }
    apply({ type: 'ended', ...valueOf(watching) });
  }

  async function stop(
    run: { issue: typeof issue; slug: string; run: number },
    reason: 'watchdog' | 'deadline' | 'cancelled',
  ): Promise<true> {
    await hostActivities(theLife().hostId).stopRun.executeWithOptions(
      { summary: `stop: ${reason}` },
      [{ ...run, reason }],
    );
    return true;
  }

  async function freeze(life: Life): Promise<void> {
    await hostActivities(life.hostId).freezeBottle.executeWithOptions(
      { summary: `after run ${state.run}: ${state.lastEnd?.outcome ?? ''}` },
      [{ issue, slug: life.slug }],
    );
    apply({ type: 'frozen' });
    await recordPhase(notifiedEnd(state));
    if (needsReport(state) && state.destroy === undefined) {
      const input = {
        issue,
        slug: life.slug,
        run: state.run,
        pullRequest: state.pullRequest,
        parkedUntil: parkedUntil(state),
      };
      report(`run ${input.run} ended (${state.lastEnd?.outcome ?? ''})`, () =>
        reporter.reportRun.executeWithOptions({ summary: `say how run ${input.run} ended` }, [
          input,
        ]),
      );
    }
  }

  async function resume(): Promise<void> {
    apply({ type: 'resuming' });
    await recordPhase();
  }

  /** Until something happens, comments have been gathered for long enough, or a limit has been reset. */
  async function wait(dueAt: number | undefined): Promise<void> {
    const before = state;
    const reset = parkedUntil(state);
    const woken = await until(
      dueAt,
      () => state !== before || mayGoOn(),
      reset === undefined ? 'gathering comments' : `parked until ${utcTime(reset, Date.now())}`,
    );
    if (!woken) {
      await resume();
    } else if (state === before) {
      await goOn();
    }
  }

  async function destroy(life: Life): Promise<void> {
    apply({ type: 'destroying' });
    await recordPhase();
    await hostActivities(life.hostId).destroyBottle.executeWithOptions(
      { summary: state.destroy ?? 'nothing to keep' },
      [{ issue, slug: life.slug }],
    );
    apply({ type: 'destroyed' });
    await recordPhase();
  }

  /** @param notify what people are told of besides on the forge, if they asked for that */
  async function recordPhase(notify?: NotifiedEnd): Promise<void> {
    await records.recordPhase.executeWithOptions({ summary: state.phase }, [
      {
        issue,
        slug: theLife().slug,
        phase: state.phase,
        run: state.run,
        lastSequence: state.lastSequence,
        pullRequest: state.pullRequest,
        pullRequestMerged: state.pullRequestMerged,
        outcome: state.lastEnd?.outcome,
        parkedUntil: parkedUntil(state),
        notify,
        awaitsApproval: state.awaitsApproval,
      },
    ]);
  }

  /** @param what people are told, for where they look when the forge does not take it */
  function report(what: string, post: () => Promise<void>): void {
    const posting: Promise<void> = post()
      .catch((error: unknown) => noteReportFailure(what, error))
      .finally(() => reports.delete(posting));
    reports.add(posting);
  }

  /** People are not told on the forge: then at least where they look next. */
  async function noteReportFailure(what: string, error: unknown): Promise<void> {
    const { message } = failureOf({ state: 'rejected', error });
    log.error('a report was not posted', { message });
    await records.recordAttention({
      issue,
      attention: `${what}, and the forge does not take a comment about it: ${message}`,
    });
  }

  /** The forge knows everything that people are to see there. */
  function allTold(): boolean {
    return quiet() && isShown();
  }

  function quiet(): boolean {
    return reports.size === 0 && allHandlersFinished();
  }

  function mayGoOn(): boolean {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    return quiet() && (continueAsNewSuggested || historyLength > settings.continueAsNewAfter);
  }

  /** True when everything is told and nothing has come that begins another life. */
  async function isOver(): Promise<boolean> {
    await condition(() => allTold() || state.again !== undefined);
    if (state.again === undefined) {
      await hearOut();
    }
    return allTold() && nextStep(state, settings.commentDebounceMs).do === 'finish';
  }

  /**
   * To be awaited before an execution ends. A signal that comes in that moment makes Temporal replay and ask again. Whatever follows a
   * local activity is replayed before that signal is handled, and would end without it; what follows a timer comes after it.
   */
  async function hearOut(): Promise<void> {
    if (patched('hear-out')) {
      await sleep(1, { summary: 'the last signals' });
    }
  }

  /** The same life in a new execution: short history, same state. */
  async function goOn(): Promise<never> {
    await hearOut();
    return await continueAsNew<typeof issueWorkflow>({
      ...input,
      carried: checking ? { ...state, recheck: true } : state,
    });
  }

  /** Another life in a new execution: atomically, so that no event falls in between. */
  async function beginAgain(because: BeginCause): Promise<never> {
    await hearOut();
    const { again: cause = because, lastSequence, timeline } = state;
    return await continueAsNew<typeof issueWorkflow>({
      ...input,
      carried: beginState(issue, Date.now(), { cause, lastSequence, timeline }),
    });
  }

  function theLife(): Life {
    if (state.life === undefined) {
      throw new Error('no life has begun');
    }
    return state.life;
  }
}

function refuse(state: IssueState, command: IssueCommand['type'], sequence?: number): void {
  const reason = refusal(state, command, sequence);
  if (reason !== undefined) {
    throw ApplicationFailure.nonRetryable(reason, commandRefused);
  }
}
