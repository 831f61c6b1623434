import { z } from 'zod';
import type { RepositoryRef, ReviewVerdict } from '../../src/domain/issue.ts';
import { callGitea, GiteaRefusal } from '../../src/demo/gitea-client.ts';
import { createLabel, type GiteaAccount, type GiteaRepository } from '../../src/demo/gitea-site.ts';
import type { CommitStatus, LabelDraft } from '../../src/forges/forge.ts';
import type { ForgePerson } from '../contracts/forge.ts';
import { until } from './until.ts';

const numbered = z.object({ number: z.number() });
const identified = z.object({ id: z.number() });
const statusesAnswer = z.array(
  z.object({
    context: z.string(),
    status: z.enum(['pending', 'success', 'failure']),
    description: z.string(),
    target_url: z.string(),
  }),
);
const labelsAnswer = z.array(
  z.object({
    name: z.string(),
    color: z.string(),
    description: z.string(),
    exclusive: z.boolean(),
  }),
);
const reacted = z.array(z.object({ user: z.object({ login: z.string() }), content: z.string() }));

const reviewEvents: Readonly<Record<ReviewVerdict, string>> = {
  approved: 'APPROVED',
  changes_requested: 'REQUEST_CHANGES',
  commented: 'COMMENT',
};

/** Somebody who works on a repository of a Gitea over its API, as people do in the browser. */
export class GiteaPerson implements ForgePerson {
  readonly #account: GiteaAccount;
  readonly #repository: GiteaRepository;
  readonly #path: string;
  #pushes = 0;

  constructor(account: GiteaAccount, repository: GiteaRepository) {
    this.#account = account;
    this.#repository = repository;
    this.#path = `/repos/${repository.owner}/${repository.name}`;
  }

  /** Labels that are not there yet are made, which takes an administrator of the repository. */
  async openIssue(draft: {
    title: string;
    body?: string;
    labels?: readonly string[];
    assignees?: readonly string[];
  }): Promise<number> {
    const labels = await this.#labelIds(draft.labels ?? []);
    return numbered.parse(await this.#call('POST', '/issues', { ...draft, labels })).number;
  }

  async setLabels(number: number, names: readonly string[]): Promise<void> {
    const labels = await this.#labelIds(names);
    await this.#call('PUT', `/issues/${number}/labels`, { labels });
  }

  async setAssignees(number: number, assignees: readonly string[]): Promise<void> {
    await this.#call('PATCH', `/issues/${number}`, { assignees });
  }

  async close(number: number): Promise<void> {
    await this.#call('PATCH', `/issues/${number}`, { state: 'closed' });
  }

  async reopen(number: number): Promise<void> {
    await this.#call('PATCH', `/issues/${number}`, { state: 'open' });
  }

  async comment(number: number, body: string): Promise<number> {
    return identified.parse(await this.#call('POST', `/issues/${number}/comments`, { body })).id;
  }

  async reactions(commentId: number): Promise<string[]> {
    const path = `/issues/comments/${commentId}/reactions`;
    const found = reacted.parse((await this.#call('GET', path)) ?? []);
    return found.map(({ user, content }) => `${user.login} ${content}`);
  }

  async statuses(branch: string): Promise<CommitStatus[]> {
    const path = `/commits/${encodeURIComponent(branch)}/statuses?sort=oldest`;
    return statusesAnswer.parse(await this.#call('GET', path)).map((found) => ({
      context: found.context,
      state: found.status,
      description: found.description,
      url: found.target_url === '' ? undefined : found.target_url,
    }));
  }

  async labels(): Promise<LabelDraft[]> {
    return labelsAnswer
      .parse(await this.#call('GET', '/labels?limit=50'))
      .map(({ name, color, description, exclusive }) => ({
        name,
        colour: `#${color}`,
        description,
        exclusive,
      }));
  }

  async editComment(commentId: number, body: string): Promise<void> {
    await this.#call('PATCH', `/issues/comments/${commentId}`, { body });
  }

  async review(
    number: number,
    review: {
      verdict: ReviewVerdict;
      body?: string;
      inline?: readonly { path: string; line: number; body: string }[];
    },
  ): Promise<void> {
    await this.#review(number, reviewEvents[review.verdict], review);
  }

  /** Begins a review and does not submit it. */
  async draftReview(
    number: number,
    review: { body: string; inline: readonly { path: string; line: number; body: string }[] },
  ): Promise<void> {
    await this.#review(number, 'PENDING', review);
  }

  async #review(
    number: number,
    event: string,
    {
      body = '',
      inline = [],
    }: { body?: string; inline?: readonly { path: string; line: number; body: string }[] },
  ): Promise<void> {
    const comments = inline.map(({ line, ...comment }) => ({ ...comment, new_position: line }));
    await this.#call('POST', `/pulls/${number}/reviews`, { event, body, comments });
  }

  async push(branch: string, path = `src/${branch}.txt`): Promise<void> {
    const present = await this.#find(`/branches/${encodeURIComponent(branch)}`);
    const target = present ? { branch } : { branch: 'main', new_branch: branch };
    const ref = encodeURIComponent(target.branch);
    const file = z
      .object({ sha: z.string() })
      .optional()
      .parse(await this.#find(`/contents/${path}?ref=${ref}`));
    const lines = [`push ${++this.#pushes} to ${branch}`, 'second line', 'third line', ''];
    await this.#call(file ? 'PUT' : 'POST', `/contents/${path}`, {
      ...target,
      ...file,
      message: `Change ${path}`,
      content: Buffer.from(lines.join('\n')).toString('base64'),
    });
  }

  async write(path: string, content: string | Uint8Array): Promise<void> {
    const segments = path.split('/').map(encodeURIComponent);
    await this.#call('POST', `/contents/${segments.join('/')}`, {
      branch: 'main',
      message: `Add ${path}`,
      content: Buffer.from(content).toString('base64'),
    });
  }

  /** The API for files makes none: git's own patch does. */
  async link(path: string): Promise<void> {
    const patch = [
      `diff --git a/${path} b/${path}`,
      'new file mode 120000',
      '--- /dev/null',
      `+++ b/${path}`,
      '@@ -0,0 +1 @@',
      '+/etc/passwd',
      '\\ No newline at end of file',
      '',
    ];
    await this.#call('POST', '/diffpatch', {
      branch: 'main',
      message: `Link ${path}`,
      content: patch.join('\n'),
    });
  }

  async deleteBranch(branch: string): Promise<void> {
    await this.#call('DELETE', `/branches/${encodeURIComponent(branch)}`);
  }

  async openPullRequest(draft: {
    title: string;
    body?: string;
    head: string;
    base?: string;
  }): Promise<number> {
    return numbered.parse(await this.#call('POST', '/pulls', { base: 'main', ...draft })).number;
  }

  async openPullRequestFromFork(draft: {
    title: string;
    head: string;
  }): Promise<{ number: number; fork: RepositoryRef }> {
    const { name } = this.#account;
    const { id } = identified.parse(await this.#call('POST', '/forks', {}));
    const fork = { ...this.#repository, id, owner: name };
    await new GiteaPerson(this.#account, fork).push(draft.head);
    const number = await this.openPullRequest({ ...draft, head: `${name}:${draft.head}` });
    const forgeHost = new URL(this.#account.url).host;
    return { number, fork: { forgeHost, id, owner: name, name: fork.name } };
  }

  /** Waits for Gitea to find out whether it can be merged. */
  async merge(number: number): Promise<void> {
    await until(`#${number} to be merged`, async () => {
      try {
        await this.#call('POST', `/pulls/${number}/merge`, { Do: 'merge' });
        return true;
      } catch (error) {
        if (error instanceof GiteaRefusal && /try again later/i.test(error.message)) {
          return false;
        }
        throw error;
      }
    });
  }

  async #labelIds(names: readonly string[]): Promise<number[]> {
    const ids: number[] = [];
    for (const name of names) {
      ids.push(await createLabel(this.#account, this.#repository, name));
    }
    return ids;
  }

  async #find(path: string): Promise<unknown> {
    try {
      return await this.#call('GET', path);
    } catch (error) {
      if (error instanceof GiteaRefusal && error.status === 404) {
        return undefined;
      }
      throw error;
    }
  }

  #call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<unknown> {
    return callGitea(this.#account, method, this.#path + path, body);
  }
}
