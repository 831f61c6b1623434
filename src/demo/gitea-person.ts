import { z } from 'zod';
import { callGitea, GiteaRefusal } from './gitea-client.ts';
import type { GiteaAccount, GiteaRepository } from './gitea-site.ts';

const numbered = z.object({ number: z.number(), html_url: z.string() });

/** What the story's person does on Gitea, as people do it in the browser. */
export class GiteaPerson {
  readonly name: string;
  readonly #account: GiteaAccount;
  readonly #path: string;

  constructor(account: GiteaAccount, repository: GiteaRepository) {
    this.name = account.name;
    this.#account = account;
    this.#path = `/repos/${repository.owner}/${repository.name}`;
  }

  async openIssue(draft: {
    readonly title: string;
    readonly body: string;
    readonly labels: readonly number[];
    readonly assignees: readonly string[];
  }): Promise<{ readonly number: number; readonly url: string }> {
    const made = await callGitea(this.#account, 'POST', `${this.#path}/issues`, draft);
    const { number, html_url: url } = numbered.parse(made);
    return { number, url };
  }

  async comment(number: number, body: string): Promise<void> {
    await callGitea(this.#account, 'POST', `${this.#path}/issues/${String(number)}/comments`, {
      body,
    });
  }

  /** The commit at the head of a pull request. */
  async headOf(pullRequest: number): Promise<string> {
    const path = `${this.#path}/pulls/${String(pullRequest)}`;
    const head = z.object({ head: z.object({ sha: z.string() }) });
    return head.parse(await callGitea(this.#account, 'GET', path)).head.sha;
  }

  /** False while Gitea still finds out whether it can be merged. */
  async tryToMerge(pullRequest: number): Promise<boolean> {
    const path = `${this.#path}/pulls/${String(pullRequest)}/merge`;
    try {
      await callGitea(this.#account, 'POST', path, { Do: 'merge' });
      return true;
    } catch (error) {
      if (error instanceof GiteaRefusal && /try again later/i.test(error.message)) {
        return false;
      }
      throw error;
    }
  }

  async isClosed(issue: number): Promise<boolean> {
    const found = await callGitea(this.#account, 'GET', `${this.#path}/issues/${String(issue)}`);
    return z.object({ state: z.string() }).parse(found).state === 'closed';
  }
}
