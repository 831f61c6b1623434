import { log } from '@temporalio/activity';
import { ForgeDeniedError, ForgeError, mayPass } from '../domain/errors.ts';
import type { IssueRef } from '../domain/issue.ts';
import { cannotShowReport, type Showing } from '../domain/reports.ts';
import { type StateLabel, stateLabelPrefix, stateLabels } from '../domain/state-label.ts';
import type { Forge } from '../forges/forge.ts';
import type { Store } from '../store/store.ts';
import type { ShownStatus } from '../workflows/shown-state.ts';
import type { ReportActivities } from './inputs.ts';
import { postOnIssue } from './post-on-issue.ts';
import { inRepository } from './repository.ts';

export interface ShowStatePorts {
  readonly forge: Forge;
  readonly store: Store;
  /** Where a commit status leads; undefined: nowhere. */
  readonly publicUrl: string | undefined;
}

const statusContext = 'bot-bottle';

/**
 * Makes the activity that shows on the forge where an issue is. Idempotent. What the forge refuses for good is logged; a right
 * that is missing is told on the first issue of a repository that finds it missing.
 */
export function stateShower(ports: ShowStatePorts): ReportActivities['showState'] {
  const { forge, store, publicUrl } = ports;

  return async ({ issue, label, status }) => {
    if (label !== undefined) {
      await ifAllowed(issue, 'state labels', () => showLabel(issue, label));
    }
    if (status !== undefined) {
      await ifAllowed(issue, 'commit status', () => showStatus(issue, status));
    }
  };

  function showLabel(issue: IssueRef, label: StateLabel | null): Promise<void> {
    const wanted =
      label === null
        ? undefined
        : { name: `${stateLabelPrefix}${label}`, ...stateLabels[label], exclusive: true };
    return inRepository(ports, issue, (repository) =>
      forge.replaceLabel(repository, issue.number, stateLabelPrefix, wanted),
    );
  }

  function showStatus(
    issue: IssueRef,
    { pullRequest, state, description }: ShownStatus,
  ): Promise<void> {
    return inRepository(ports, issue, async (repository) => {
      const { headCommit } = await forge.readPullRequest(repository, pullRequest);
      await forge.setCommitStatus(repository, headCommit, {
        context: statusContext,
        state,
        description,
        url: publicUrl,
      });
      await store.reconcile.recordShown(repository.id, pullRequest, headCommit);
    });
  }

  async function ifAllowed(
    issue: IssueRef,
    showing: Showing,
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ForgeError) || mayPass(error)) {
        throw error;
      }
      log.warn('the state of an issue cannot be shown', { showing, reason: error.message });
      if (error instanceof ForgeDeniedError) {
        await tellOnce(issue, showing, error.message);
      }
    }
  }

  async function tellOnce(issue: IssueRef, showing: Showing, reason: string): Promise<void> {
    const { id } = issue.repository;
    if (await store.repositories.wasTold(id, showing)) {
      return;
    }
    const key = { slug: 'rights', run: 0, digest: showing.replace(' ', '-') };
    try {
      await postOnIssue(ports, issue, issue.number, key, cannotShowReport(showing, reason));
      await store.repositories.markTold(id, showing);
    } catch (error) {
      if (!(error instanceof ForgeError) || mayPass(error)) {
        throw error;
      }
      log.warn('nor can that be told on the issue', { showing, reason: error.message });
    }
  }
}
