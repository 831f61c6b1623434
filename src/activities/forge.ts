import { createHash } from 'node:crypto';
import { log } from '@temporalio/activity';
import { ForgeNotFoundError } from '../domain/errors.ts';
import { bottleBranch } from '../domain/ids.ts';
import { formatIssue, type Issue, type IssueRef } from '../domain/issue.ts';
import { retryWithoutTargetReport, targetProblemReport } from '../domain/reports.ts';
import { agentLabelPrefix, judgeTarget, type Targeting } from '../domain/targeting.ts';
import type { Catalogue } from '../agents/catalogue.ts';
import type { Forge } from '../forges/forge.ts';
import { isTrusted } from '../domain/trust.ts';
import type { IssueRecord, Store } from '../store/store.ts';
import type { Life } from '../workflows/issue-state.ts';
import { heartbeating } from './heartbeat.ts';
import type { ForgeActivities, OpenLifeInput, OpenLifeOutput } from './inputs.ts';
import { postOnIssue } from './post-on-issue.ts';
import { inRepository } from './repository.ts';

export interface ForgeActivityPorts {
  readonly forge: Forge;
  readonly store: Store;
  readonly catalogue: Catalogue;
  readonly org: string;
  readonly hostId: string;
}

/** What the orchestrator asks of the forge in its own name. */
export function createForgeActivities(ports: ForgeActivityPorts): ForgeActivities {
  const { forge, store, catalogue, org, hostId } = ports;

  return heartbeating<ForgeActivities>({
    async openLife(input) {
      const last = await store.issues.read(input.issue);
      if (last?.slug === input.slug) {
        return begun(last, hostId);
      }
      if (
        last !== undefined &&
        input.cause !== 'retry' &&
        !input.follows &&
        input.lastSequence <= last.lastSequence
      ) {
        return { verdict: 'not-now', reason: 'these events were handled by an earlier life' };
      }
      return await judge(input, last);
    },

    async checkTarget({ issue, closedCounts }) {
      const found = await readIssue(issue);
      if (found === undefined) {
        return { targeted: false };
      }
      const targeting = await judgeIssue(issue, closedCounts ? found : { ...found, state: 'open' });
      const targeted = targeting.verdict !== 'untargeted';
      await (targeted
        ? store.issues.markTargeted(issue)
        : store.issues.markUntargeted(issue, Date.now()));
      return { targeted };
    },
  });

  async function judge(
    input: OpenLifeInput,
    last: IssueRecord | undefined,
  ): Promise<OpenLifeOutput> {
    const { issue, slug, workflowId } = input;
    const found = await readIssue(issue);
    if (found === undefined) {
      return { verdict: 'not-now', reason: 'the forge has no such issue' };
    }
    const targeting = await judgeIssue(issue, found);
    if (targeting.verdict === 'untargeted') {
      // Whoever wrote an issue may close and reopen it: that alone begins no other life.
      const asOpen = await judgeIssue(issue, { ...found, state: 'open' });
      if (asOpen.verdict === 'untargeted') {
        await store.issues.markUntargeted(issue, Date.now());
      }
      if (input.cause === 'retry') {
        const key = { slug: 'target', run: 0, digest: `retry-${input.executionId}` };
        const report = retryWithoutTargetReport(targeting.reason);
        await postOnIssue(ports, issue, issue.number, key, report);
      }
      return { verdict: 'not-now', reason: targeting.reason };
    }
    if (
      last !== undefined &&
      input.cause === 'target' &&
      (await store.issues.untargetedSince(issue)) === undefined
    ) {
      return { verdict: 'not-now', reason: 'its life has ended: reopen it, or use retry' };
    }
    if (targeting.verdict === 'invalid') {
      await postOnIssue(
        ports,
        issue,
        issue.number,
        {
          slug: 'target',
          run: 0,
          digest: `problem-${last?.life ?? 0}-${fingerprint(targeting.problem)}`,
        },
        targetProblemReport(targeting.problem, targeting.fix),
      );
      return { verdict: 'not-now', reason: targeting.problem };
    }
    const life = (last?.life ?? 0) + 1;
    const { branch, pullRequest } = await chooseBranch(issue, life, last);
    await store.issues.beginLife({
      issue,
      workflowId,
      life,
      slug,
      title: found.title,
      url: found.url,
      agentName: targeting.agent,
      bottleNames: [targeting.bottle],
      backendName: await catalogue.backendOf(targeting.bottle),
      agentGitUser: await forge.whoAmI(),
      branch,
      prNumber: pullRequest,
      beganAt: Date.now(),
    });
    const record = await store.issues.read(issue);
    if (record === undefined) {
      throw new Error(`the row of ${formatIssue(issue)} is gone`);
    }
    return begun(record, hostId);
  }

  async function judgeIssue(issue: IssueRef, found: Issue): Promise<Targeting> {
    if (!found.labels.some((label) => label.startsWith(agentLabelPrefix))) {
      // Nobody needs to be asked.
      return judgeTarget(found, new Set(), new Map(), new Set());
    }
    const [members, { agents, bottles }] = await Promise.all([
      membersAmong(found.assignees),
      inRepository(ports, issue, (repository) => catalogue.names(repository)),
    ]);
    const targeting = judgeTarget(found, members, agents, bottles);
    return targeting.verdict === 'untargeted' || (await isAskedByTrusted(issue, found))
      ? targeting
      : { verdict: 'untargeted', reason: 'who put the label there may not instruct agents' };
  }

  async function membersAmong(logins: readonly string[]): Promise<Set<string>> {
    const members = new Set<string>();
    for (const login of logins) {
      if (await forge.isOrgMember(org, login)) {
        members.add(login);
      }
    }
    return members;
  }

  /** A forge's own page for new issues may let everybody choose labels and assignees: Gitea's does. */
  async function isAskedByTrusted(issue: IssueRef, found: Issue): Promise<boolean> {
    const own = await forge.whoAmI();
    return await inRepository(ports, issue, async (repository) => {
      for (const label of found.labels.filter((name) => name.startsWith(agentLabelPrefix))) {
        const labeller = await forge.findLabeller(repository, issue.number, label);
        const trusted =
          labeller !== undefined &&
          (await isTrusted(forge, org, own, repository, labeller, (reason) =>
            log.warn('cannot tell who may write', { labeller, reason }),
          ));
        if (!trusted) {
          return false;
        }
      }
      return true;
    });
  }

  /** The branch of the last life goes on, unless its work was merged. */
  async function chooseBranch(
    issue: IssueRef,
    life: number,
    last: IssueRecord | undefined,
  ): Promise<{ branch: string; pullRequest: number | undefined }> {
    const branch = last?.branch ?? bottleBranch(issue.number, 1);
    const latest = await inRepository(ports, issue, (repository) =>
      forge.findLatestPullRequest(repository, branch),
    );
    if (latest?.merged === true) {
      return { branch: bottleBranch(issue.number, Math.max(life, 2)), pullRequest: undefined };
    }
    return { branch, pullRequest: latest?.state === 'open' ? latest.number : undefined };
  }

  async function readIssue(issue: IssueRef): Promise<Issue | undefined> {
    try {
      return await inRepository(ports, issue, (repository) =>
        forge.readIssue(repository, issue.number),
      );
    } catch (error) {
      if (error instanceof ForgeNotFoundError) {
        return undefined;
      }
      throw error;
    }
  }
}

function begun(record: IssueRecord, hostId: string): OpenLifeOutput {
  const bottle = record.bottleNames[0];
  if (bottle === undefined) {
    throw new Error(`the life of ${record.slug} has no bottle`);
  }
  const life: Life = {
    number: record.life,
    slug: record.slug,
    branch: record.branch,
    agent: record.agentName,
    bottle,
    backend: record.backendName,
    hostId,
    title: record.title,
    url: record.url,
  };
  return {
    verdict: 'target',
    life,
    pullRequest: record.prNumber,
    lastSequence: record.lastSequence,
  };
}

/** Tells one problem's text from another's in a marker. */
function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
