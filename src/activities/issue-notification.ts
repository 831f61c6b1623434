import { pullRequestUrl } from '../domain/issue.ts';
import type { NotificationContent } from '../domain/notification.ts';
import {
  approvalNotification,
  launchFailureNotification,
  type OfIssue,
  pullRequestNotification,
  runNotification,
} from '../domain/notification-texts.ts';
import type { NewNotification, Store } from '../store/store.ts';
import type { NotifiedEnd } from '../workflows/notified-end.ts';
import type { PhaseInput } from './inputs.ts';
import { readEndedRun } from './read-ended-run.ts';

/**
 * What people are told with a phase: of a run's end, or that approval is waited for. Once, however often it is recorded.
 * Undefined for a run without an end.
 */
export async function issueNotification(
  store: Store,
  event: NotifiedEnd,
  input: PhaseInput,
): Promise<Omit<NewNotification, 'raisedAt'> | undefined> {
  const record = await store.issues.read(input.issue);
  if (record === undefined) {
    return undefined;
  }
  const { forgeHost, id } = input.issue.repository;
  const known = await store.repositories.byId(forgeHost, id);
  const { owner, name } = known?.current ?? input.issue.repository;
  const { pullRequest } = input;
  const content = await contentOf({
    issue: {
      repository: `${owner}/${name}`,
      number: input.issue.number,
      title: record.title,
      pullRequest,
    },
    url: pullRequest === undefined ? record.url : pullRequestUrl(record.url, pullRequest),
  });
  const subject =
    input.awaitsApproval === true ? `approval/${input.slug}` : `run/${input.slug}/${input.run}`;
  return content && { ...content, subject };

  async function contentOf(about: OfIssue): Promise<NotificationContent | undefined> {
    if (input.awaitsApproval === true) {
      return approvalNotification(about, record?.agentName ?? '');
    }
    if (event === 'pull-request') {
      return pullRequestNotification(about, input.run);
    }
    if (input.phase === 'failed') {
      return launchFailureNotification(about, input.run, record?.attention);
    }
    const ended = await readEndedRun(store, input);
    return ended && runNotification(event, about, ended);
  }
}
