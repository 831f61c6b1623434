import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ForgeDeniedError,
  ForgeMovedError,
  ForgeNotFoundError,
  ForgeRefusedError,
} from '../../src/domain/errors.ts';
import type { RepositoryRef, ReviewVerdict } from '../../src/domain/issue.ts';
import type { CommitStatus, Forge, LabelDraft } from '../../src/forges/forge.ts';
import { until } from '../support/until.ts';

/** A forge to try, with people on it: alice administrates every repository, bot writes, mallory is an outsider. */
export interface ForgeWorld {
  /** Signed in as bot. */
  readonly forge: Forge;
  /** Signed in as mallory. */
  readonly outsiderForge: Forge;
  /** Of which alice and bot are members. */
  readonly org: string;
  /** The most items that the forge gives at once. */
  readonly pageSize: number;
  /** A fresh repository of this world with a branch `main`. */
  createRepository(): Promise<ContractRepository>;
  stop(): Promise<void>;
}

export interface ContractRepository {
  readonly ref: RepositoryRef;
  as(login: 'alice' | 'bot' | 'mallory'): ForgePerson;
  /** Lets mallory read, and nothing more. */
  grantReading(): Done<void>;
  rename(name: string): Done<void>;
  /** Another repository of the same owner under this name. */
  createAnother(name: string): Done<ContractRepository>;
  archive(): Done<void>;
  deleteFork(fork: RepositoryRef): Done<void>;
}

/** What people do on a forge, in the words of the contract. Numbers are those of the issue or pull request. */
export interface ForgePerson {
  openIssue(draft: {
    title: string;
    body?: string;
    labels?: readonly string[];
    assignees?: readonly string[];
  }): Done<number>;
  setLabels(number: number, labels: readonly string[]): Done<void>;
  close(number: number): Done<void>;
  reopen(number: number): Done<void>;
  comment(number: number, body: string): Done<number>;
  editComment(commentId: number, body: string): Done<void>;
  /** Of the newest commit of a branch, the newest last. */
  statuses(branch: string): Done<readonly CommitStatus[]>;
  /** Those that the repository has, whoever uses them. */
  labels(): Done<readonly LabelDraft[]>;
  setLabels(number: number, labels: readonly string[]): Done<void>;
  /** Of all, each as `<login> <reaction>`. */
  reactions(commentId: number): Done<string[]>;
  review(
    number: number,
    review: {
      verdict: ReviewVerdict;
      body?: string;
      inline?: readonly { path: string; line: number; body: string }[];
    },
  ): Done<void>;
  /** One commit that adds a file of a few lines; a branch that is not there begins at `main`. */
  push(branch: string, path?: string): Done<void>;
  /** One commit on `main`, with this new file. */
  write(path: string, content: string | Uint8Array): Done<void>;
  /** One commit on `main`, with this symbolic link to /etc/passwd. */
  link(path: string): Done<void>;
  deleteBranch(branch: string): Done<void>;
  openPullRequest(draft: {
    title: string;
    body?: string;
    head: string;
    base?: string;
  }): Done<number>;
  openPullRequestFromFork(draft: {
    title: string;
    head: string;
  }): Done<{ number: number; fork: RepositoryRef }>;
  merge(number: number): Done<void>;
}

type Done<T> = T | Promise<T>;

/** What the port `Forge` promises, tried on one adapter. */
export function describeForgeContract(name: string, setup: () => Promise<ForgeWorld>): void {
  describe(`the forge contract: ${name}`, () => {
    let world: ForgeWorld;
    let forge: Forge;
    let repository: ContractRepository;
    let ref: RepositoryRef;
    let alice: ForgePerson;

    beforeAll(async () => {
      world = await setup();
      forge = world.forge;
    });
    afterAll(() => world.stop());
    beforeEach(async () => {
      repository = await world.createRepository();
      ref = repository.ref;
      alice = repository.as('alice');
    });

    /** A pull request of bot's from a branch with one more commit. */
    async function openPullRequest(head: string, path?: string): Promise<number> {
      const bot = repository.as('bot');
      await bot.push(head, path);
      return bot.openPullRequest({ title: `Merge ${head}`, body: 'Closes #1', head });
    }

    describe('files of the default branch', () => {
      test('a directory is listed by name, with what is in it and no deeper', async () => {
        await alice.write('.bot-bottle/agents/zoe.md', 'Zoë');
        await alice.write('.bot-bottle/agents/adam.md', 'Adam');
        await alice.write('.bot-bottle/agents/old/eve.md', 'Eve');
        await alice.write('.bot-bottle/agents.md', 'elsewhere');

        expect(await forge.listDirectory(ref, '.bot-bottle/agents')).toEqual([
          { name: 'adam.md', kind: 'file', size: 4 },
          { name: 'old', kind: 'directory', size: 0 },
          { name: 'zoe.md', kind: 'file', size: 4 },
        ]);
      });

      test('a directory that is not there is empty, and so is a file', async () => {
        await alice.write('docs/one.md', 'One');
        expect(await forge.listDirectory(ref, '.bot-bottle/agents')).toEqual([]);
        expect(await forge.listDirectory(ref, 'docs/one.md')).toEqual([]);
      });

      test('a file is read byte for byte', async () => {
        const bytes = Buffer.from([0xff, 0x00, 0x0a, 0xc3, 0xa9]);
        await alice.write('a b/ü#?.bin', bytes);
        expect(Buffer.from(await forge.readFile(ref, 'a b/ü#?.bin'))).toEqual(bytes);
        await alice.write('empty.md', '');
        expect((await forge.readFile(ref, 'empty.md')).byteLength).toBe(0);
      });

      test('what is no file, or on another branch, is not found', async () => {
        await alice.write('docs/one.md', 'One');
        await alice.push('feature', 'docs/two.md');
        for (const path of ['docs', 'docs/two.md', 'docs/one.md/more', '../docs/one.md', '']) {
          await expect(forge.readFile(ref, path), path).rejects.toThrow(ForgeNotFoundError);
        }
      });

      test('a symbolic link is named as one, and not followed', async () => {
        await alice.link('agents/evil.md');
        expect(await forge.listDirectory(ref, 'agents')).toEqual([
          { name: 'evil.md', kind: 'link', size: 0 },
        ]);
        await expect(forge.readFile(ref, 'agents/evil.md')).rejects.toThrow(ForgeNotFoundError);
      });

      test('a file of 1 MiB is read, and a larger one refused', async () => {
        await alice.write('large', 'x'.repeat(1024 * 1024));
        await alice.write('larger', 'x'.repeat(1024 * 1024 + 1));
        expect((await forge.readFile(ref, 'large')).byteLength).toBe(1024 * 1024);
        await expect(forge.readFile(ref, 'larger')).rejects.toThrow(ForgeRefusedError);
      });

      test('those of another repository that took the name are not taken for its own', async () => {
        await repository.rename(`${ref.name}-moved`);
        const another = await repository.createAnother(ref.name);
        await another.as('alice').write('agents/mine.md', 'Mine');

        await expect(forge.listDirectory(ref, 'agents')).rejects.toThrow(ForgeMovedError);
        await expect(forge.readFile(ref, 'agents/mine.md')).rejects.toThrow(ForgeMovedError);
      });
    });

    describe('issues', () => {
      test('an issue is read whole', async () => {
        const number = await alice.openIssue({
          title: 'Add a README',
          body: 'Please.\n\n- one\n- two',
          labels: ['bot-bottle:demo', 'bug'],
          assignees: ['bot', 'alice'],
        });

        const issue = await forge.readIssue(ref, number);

        expect(issue).toMatchObject({
          number,
          title: 'Add a README',
          body: 'Please.\n\n- one\n- two',
          state: 'open',
          author: 'alice',
        });
        expect(issue.labels.toSorted()).toEqual(['bot-bottle:demo', 'bug']);
        expect(issue.assignees.toSorted()).toEqual(['alice', 'bot']);
        expect(new URL(issue.url).pathname).toContain(`${ref.name}/issues/${number}`);
      });

      test('a label is known by who put it there', async () => {
        const labels = ['bot-bottle:demo'];
        const number = await alice.openIssue({ title: 'Work', labels });

        expect(await forge.findLabeller(ref, number, 'bot-bottle:demo')).toBe('alice');
        expect(await forge.findLabeller(ref, number, 'bug')).toBeUndefined();
      });

      test('an issue without a body, labels or assignees has an empty one, and none', async () => {
        const number = await alice.openIssue({ title: 'Nothing more' });

        expect(await forge.readIssue(ref, number)).toMatchObject({
          body: '',
          labels: [],
          assignees: [],
        });
      });

      test('closing and reopening are seen', async () => {
        const number = await alice.openIssue({ title: 'Open and shut' });

        await alice.close(number);
        expect((await forge.readIssue(ref, number)).state).toBe('closed');
        await alice.reopen(number);
        expect((await forge.readIssue(ref, number)).state).toBe('open');
      });

      test("a pull request's number is no issue, an issue's no pull request", async () => {
        const issue = await alice.openIssue({ title: 'An issue' });
        const pull = await openPullRequest('topic');

        await expect(forge.readIssue(ref, pull)).rejects.toThrow(ForgeNotFoundError);
        await expect(forge.readPullRequest(ref, issue)).rejects.toThrow(ForgeNotFoundError);
      });

      test('a number that nothing has is not found, whatever is asked of it', async () => {
        await expect(forge.readIssue(ref, 4711)).rejects.toThrow(ForgeNotFoundError);
        await expect(forge.readPullRequest(ref, 4711)).rejects.toThrow(ForgeNotFoundError);
        await expect(forge.listComments(ref, 4711)).rejects.toThrow(ForgeNotFoundError);
        await expect(forge.createComment(ref, 4711, 'hello')).rejects.toThrow(ForgeNotFoundError);
        await expect(forge.updateDescription(ref, 4711, 'new')).rejects.toThrow(ForgeNotFoundError);
      });
    });

    describe('pull requests', () => {
      test('a pull request is read whole', async () => {
        const number = await openPullRequest('bot-bottle/issue-1');

        const pull = await forge.readPullRequest(ref, number);

        expect(pull).toMatchObject({
          number,
          title: 'Merge bot-bottle/issue-1',
          body: 'Closes #1',
          state: 'open',
          merged: false,
          author: 'bot',
          headBranch: 'bot-bottle/issue-1',
          headRepositoryId: ref.id,
          baseBranch: 'main',
        });
        expect(new URL(pull.url).pathname).toContain(`${ref.name}/pulls/${number}`);
      });

      test('merged and closed are told apart', async () => {
        const merged = await openPullRequest('good');
        const closed = await openPullRequest('bad');

        await alice.merge(merged);
        await alice.close(closed);

        const expected = { state: 'closed' };
        expect(await forge.readPullRequest(ref, merged)).toMatchObject({
          ...expected,
          merged: true,
        });
        expect(await forge.readPullRequest(ref, closed)).toMatchObject({
          ...expected,
          merged: false,
        });
      });

      test("the head branch's name outlives the branch", async () => {
        const number = await openPullRequest('bot-bottle/issue-1');
        await alice.merge(number);

        await alice.deleteBranch('bot-bottle/issue-1');

        const pull = await forge.readPullRequest(ref, number);
        expect(pull.headBranch).toBe('bot-bottle/issue-1');
        expect(pull.headRepositoryId).toBe(ref.id);
      });

      test('a pull request whose fork is gone has no head repository', async () => {
        const mallory = repository.as('mallory');
        const { number, fork } = await mallory.openPullRequestFromFork({
          title: 'From afar',
          head: 'topic',
        });
        expect((await forge.readPullRequest(ref, number)).headRepositoryId).toBe(fork.id);

        await repository.deleteFork(fork);

        expect((await forge.readPullRequest(ref, number)).headRepositoryId).toBeUndefined();
      });

      test('the open one of a branch is found, and only while it is open', async () => {
        expect(await forge.findOpenPullRequest(ref, 'topic')).toBeUndefined();
        const number = await openPullRequest('topic');
        await openPullRequest('topic-2');

        expect(await forge.findOpenPullRequest(ref, 'topic')).toMatchObject({ number });
        await alice.close(number);
        expect(await forge.findOpenPullRequest(ref, 'topic')).toBeUndefined();
        expect(await forge.findLatestPullRequest(ref, 'topic')).toMatchObject({ number });
      });

      test('the latest of a branch is found, whatever became of it', async () => {
        expect(await forge.findLatestPullRequest(ref, 'topic')).toBeUndefined();
        const first = await openPullRequest('topic');
        await alice.merge(first);
        await alice.deleteBranch('topic');
        expect(await forge.findLatestPullRequest(ref, 'topic')).toMatchObject({ number: first });

        const second = await openPullRequest('topic');

        expect(await forge.findLatestPullRequest(ref, 'topic')).toMatchObject({ number: second });
      });

      test("a fork's branch of the same name does not count", async () => {
        await repository
          .as('mallory')
          .openPullRequestFromFork({ title: 'Mine', head: 'bot-bottle/issue-1' });

        expect(await forge.findOpenPullRequest(ref, 'bot-bottle/issue-1')).toBeUndefined();
        expect(await forge.findLatestPullRequest(ref, 'bot-bottle/issue-1')).toBeUndefined();
      });

      test('one is found behind more than a page of others', async () => {
        const number = await openPullRequest('oldest');
        for (let other = 0; other <= world.pageSize; other++) {
          await openPullRequest(`other-${other}`);
        }

        expect(await forge.findOpenPullRequest(ref, 'oldest')).toMatchObject({ number });
        expect(await forge.findLatestPullRequest(ref, 'oldest')).toMatchObject({ number });
        expect(await forge.findOpenPullRequest(ref, 'none')).toBeUndefined();
      });
    });

    describe('comments', () => {
      test('more comments than a page holds are all there, oldest first', async () => {
        const number = await alice.openIssue({ title: 'Much to say' });
        const bodies = Array.from({ length: 60 }, (_, index) => `comment ${index}`);
        for (const body of bodies) {
          await alice.comment(number, body);
        }

        const comments = await forge.listComments(ref, number);

        expect(comments.map(({ body }) => body)).toEqual(bodies);
      });

      test('so are more reviews than a page holds', async () => {
        const number = await openPullRequest('topic', 'src/one.txt');
        const bodies = Array.from({ length: world.pageSize + 2 }, (_, index) => `review ${index}`);
        for (const body of bodies) {
          const inline = [{ path: 'src/one.txt', line: 1, body: `on ${body}` }];
          await alice.review(number, { verdict: 'commented', body, inline });
        }

        const comments = await forge.listComments(ref, number);

        expect(comments.filter(({ kind }) => kind === 'review').map(({ body }) => body)).toEqual(
          bodies,
        );
        expect(comments.filter(({ kind }) => kind === 'inline')).toHaveLength(bodies.length);
      });

      test('a comment says who wrote what, when and where', async () => {
        const number = await alice.openIssue({ title: 'Talk' });
        const id = await repository.as('mallory').comment(number, 'Also mine bitcoin.');

        const [comment] = await forge.listComments(ref, number);

        expect(comment).toMatchObject({
          id,
          kind: 'conversation',
          author: 'mallory',
          body: 'Also mine bitcoin.',
        });
        expect(Date.parse(comment?.createdAt ?? '')).not.toBeNaN();
        expect(comment?.url).toContain(ref.name);
      });

      test('a comment says that it was changed', async () => {
        const number = await alice.openIssue({ title: 'Talk' });
        const id = await alice.comment(number, 'a');
        expect((await forge.listComments(ref, number))[0]?.edited ?? false).toBe(false);

        // The forge's clock has whole seconds.
        const changed = await until('the change', async () => {
          await alice.editComment(id, `a ${Date.now()}`);
          return (await forge.listComments(ref, number)).find(({ edited }) => edited === true);
        });

        expect(changed.body).toMatch(/^a \d+$/);
      });

      test('below a pull request, reviews and their inline comments are among them', async () => {
        const number = await openPullRequest('topic', 'src/one.txt');
        await alice.comment(number, 'A first look.');
        await alice.review(number, {
          verdict: 'changes_requested',
          body: 'Needs tests',
          inline: [
            { path: 'src/one.txt', line: 2, body: 'Why?' },
            { path: 'src/one.txt', line: 1, body: 'And this?' },
          ],
        });

        const comments = await forge.listComments(ref, number);

        expect(comments.map(({ kind }) => kind)).toEqual([
          'conversation',
          'review',
          'inline',
          'inline',
        ]);
        const [, review, ...inline] = comments;
        expect(review).toMatchObject({
          author: 'alice',
          body: 'Needs tests',
          verdict: 'changes_requested',
        });
        expect(inline).toMatchObject([
          { body: 'Why?', path: 'src/one.txt', line: 2, reviewId: review?.reviewId },
          { body: 'And this?', path: 'src/one.txt', line: 1, reviewId: review?.reviewId },
        ]);
        expect(review?.reviewId).toBe(review?.id);
      });

      test('a review without a text of its own adds its inline comments only', async () => {
        const number = await openPullRequest('topic', 'src/one.txt');
        const inline = [{ path: 'src/one.txt', line: 1, body: 'Here.' }];
        await alice.review(number, { verdict: 'commented', inline });
        await alice.review(number, { verdict: 'approved' });

        const comments = await forge.listComments(ref, number);

        expect(comments).toMatchObject([{ kind: 'inline', body: 'Here.' }]);
      });

      test('what is said after a review comes after it', async () => {
        const number = await openPullRequest('topic', 'src/one.txt');
        const inline = [{ path: 'src/one.txt', line: 1, body: 'Here.' }];
        await alice.review(number, { verdict: 'commented', body: 'First', inline });
        const second = Math.floor(Date.now() / 1000);
        await until('the next second, the finest a forge may tell', () => {
          return Date.now() / 1000 > second + 1;
        });
        await alice.comment(number, 'Second');

        const comments = await forge.listComments(ref, number);

        expect(comments.map(({ body }) => body)).toEqual(['First', 'Here.', 'Second']);
      });

      test('an inline comment stays when a later commit changes its line', async () => {
        const number = await openPullRequest('topic', 'src/one.txt');
        const inline = [{ path: 'src/one.txt', line: 1, body: 'Rename this.' }];
        await alice.review(number, { verdict: 'commented', inline });

        await alice.push('topic', 'src/one.txt');

        const comments = await forge.listComments(ref, number);
        expect(comments).toMatchObject([{ body: 'Rename this.', path: 'src/one.txt' }]);
      });
    });

    describe('writing', () => {
      test('a comment is posted by the account of the token, on an issue and on a pull request', async () => {
        const issue = await alice.openIssue({ title: 'Talk' });
        const pull = await openPullRequest('topic');

        for (const number of [issue, pull]) {
          const posted = await forge.createComment(ref, number, 'On it.');

          expect(posted).toMatchObject({ kind: 'conversation', author: 'bot', body: 'On it.' });
          expect(await forge.listComments(ref, number)).toEqual([posted]);
        }
      });

      test('a comment without a text is refused', async () => {
        const number = await alice.openIssue({ title: 'Talk' });

        await expect(forge.createComment(ref, number, '')).rejects.toThrow(ForgeRefusedError);
        expect(await forge.listComments(ref, number)).toEqual([]);
      });

      test('a commit status is set on the head of a pull request, and not said again', async () => {
        const number = await openPullRequest('topic');
        const { headCommit } = await forge.readPullRequest(ref, number);
        const pending = {
          context: 'bot-bottle',
          state: 'pending',
          description: 'An agent is at work',
          url: undefined,
        } as const;
        const success = {
          ...pending,
          state: 'success',
          description: 'Run 1 is done',
          url: 'https://bots.example/issues',
        } as const;

        await forge.setCommitStatus(ref, headCommit, pending);
        await forge.setCommitStatus(ref, headCommit, pending);
        expect(await alice.statuses('topic')).toEqual([pending]);
        await forge.setCommitStatus(ref, headCommit, success);
        expect((await alice.statuses('topic')).at(-1)).toEqual(success);
        await forge.setCommitStatus(ref, headCommit, { ...success, context: 'other' });
        await forge.setCommitStatus(ref, headCommit, pending);
        const again = await alice.statuses('topic');
        expect(again.findLast(({ context }) => context === 'bot-bottle')).toEqual(pending);
        expect(again.filter(({ context }) => context === 'other')).toHaveLength(1);
      });

      test('the head of a pull request moves with its branch', async () => {
        const number = await openPullRequest('topic', 'src/one.txt');
        const before = await forge.readPullRequest(ref, number);
        await alice.push('topic', 'src/one.txt');
        await until('the head to move', async () => {
          return (await forge.readPullRequest(ref, number)).headCommit !== before.headCommit;
        });
        expect(await alice.statuses('topic')).toEqual([]);
      });

      const running = {
        name: 'bottle/running',
        colour: '#2d7d9a',
        description: 'An agent works on it',
        exclusive: true,
      } as const;
      const frozen = { ...running, name: 'bottle/frozen', description: 'Nothing runs' } as const;

      test('a label is put on where there is none, made once, and takes the place of its like', async () => {
        const labels = ['bug', 'bot-bottle:demo'];
        const number = await alice.openIssue({ title: 'Work', labels });
        const other = await alice.openIssue({ title: 'More work' });
        const seen = async () => (await forge.readIssue(ref, number)).labels.toSorted();

        const others: number[] = [];
        for (let more = 0; more < 4; more++) {
          others.push(await alice.openIssue({ title: 'Yet more work' }));
        }
        await Promise.all(
          [number, other, ...others].map((one) => forge.replaceLabel(ref, one, 'bottle/', running)),
        );
        expect(await seen()).toEqual(['bot-bottle:demo', 'bottle/running', 'bug']);
        await forge.replaceLabel(ref, number, 'bottle/', frozen);
        await forge.replaceLabel(ref, number, 'bottle/', frozen);
        expect(await seen()).toEqual(['bot-bottle:demo', 'bottle/frozen', 'bug']);
        await forge.replaceLabel(ref, number, 'bottle/', running);
        await forge.replaceLabel(ref, number, 'bottle/', undefined);
        await forge.replaceLabel(ref, number, 'bottle/', undefined);
        expect(await seen()).toEqual(['bot-bottle:demo', 'bug']);
        expect((await forge.readIssue(ref, other)).labels).toEqual(['bottle/running']);
        const made = (await alice.labels()).filter(({ name }) => name.startsWith('bottle/'));
        expect(made.toSorted((one, two) => (one.name < two.name ? -1 : 1))).toEqual([
          frozen,
          running,
        ]);
      });

      test('a label that somebody made in another way is used as it is', async () => {
        const number = await alice.openIssue({ title: 'Work', labels: ['bottle/frozen'] });

        await forge.replaceLabel(ref, number, 'bottle/', running);
        await alice.setLabels(number, ['bottle/frozen', 'bottle/running']);
        await forge.replaceLabel(ref, number, 'bottle/', frozen);

        expect((await forge.readIssue(ref, number)).labels).toEqual(['bottle/frozen']);
      });

      test('neither is for whom may only read', async () => {
        const number = await openPullRequest('topic');
        const { headCommit } = await forge.readPullRequest(ref, number);
        const status = {
          context: 'bot-bottle',
          state: 'success',
          description: 'Mine',
          url: undefined,
        } as const;
        const { outsiderForge } = world;

        await expect(outsiderForge.setCommitStatus(ref, headCommit, status)).rejects.toThrow(
          ForgeDeniedError,
        );
        await expect(outsiderForge.replaceLabel(ref, number, 'bottle/', running)).rejects.toThrow(
          ForgeDeniedError,
        );
      });

      test('a reaction is put on a comment of an issue and of a pull request, once', async () => {
        const issue = await alice.openIssue({ title: 'Talk' });
        for (const number of [issue, await openPullRequest('topic')]) {
          const id = await alice.comment(number, '/bottle status');

          await forge.addReaction(ref, id, '+1');
          await forge.addReaction(ref, id, '+1');
          await forge.addReaction(ref, id, 'confused');

          expect((await alice.reactions(id)).toSorted()).toEqual(['bot +1', 'bot confused']);
        }
        await forge.addReaction(ref, await alice.comment(issue, 'no'), '-1');
      });

      test('a reaction to a comment that is not there is not found', async () => {
        await expect(forge.addReaction(ref, 99_999_999, '+1')).rejects.toThrow(ForgeNotFoundError);
      });

      test('a text of 1 MB with control characters, quotes and emoji comes back as it was', async () => {
        const odd =
          'tab\t escape\u001b[31m nul\u0000 bell\u0007 <!-- x --> "\\" é 🧴 \u2028\r\n~~~\n';
        const text = odd.repeat(Math.ceil(2 ** 20 / odd.length));
        const number = await alice.openIssue({ title: 'Long', body: text });
        expect((await forge.readIssue(ref, number)).body).toBe(text);

        const posted = await forge.createComment(ref, number, text);
        await forge.updateDescription(ref, number, `${text}!`);

        expect(posted.body).toBe(text);
        expect((await forge.listComments(ref, number))[0]?.body).toBe(text);
        expect((await forge.readIssue(ref, number)).body).toBe(`${text}!`);
      });

      test('the description of an issue and of a pull request is replaced', async () => {
        const issue = await alice.openIssue({ title: 'Old', body: 'old' });
        const pull = await openPullRequest('topic');

        await forge.updateDescription(ref, issue, 'new');
        await forge.updateDescription(ref, pull, '');

        expect(await forge.readIssue(ref, issue)).toMatchObject({ title: 'Old', body: 'new' });
        expect((await forge.readPullRequest(ref, pull)).body).toBe('');
      });

      test('a pull request is opened', async () => {
        await alice.push('bot-bottle/issue-1');
        const draft = { title: 'Add it', body: 'Closes #1', head: 'bot-bottle/issue-1' };

        const pull = await forge.createPullRequest(ref, { ...draft, base: 'main' });

        expect(pull).toMatchObject({
          title: 'Add it',
          body: 'Closes #1',
          state: 'open',
          merged: false,
          author: 'bot',
          headBranch: 'bot-bottle/issue-1',
          headRepositoryId: ref.id,
        });
        expect(await forge.readPullRequest(ref, pull.number)).toEqual(pull);
      });

      test('a second one of the same branch is refused, and so is one with nothing new', async () => {
        await openPullRequest('topic');
        const draft = { title: 'Again', body: '', head: 'topic', base: 'main' };
        await expect(forge.createPullRequest(ref, draft)).rejects.toThrow(ForgeRefusedError);

        await alice.merge(await openPullRequest('merged'));
        await expect(forge.createPullRequest(ref, { ...draft, head: 'merged' })).rejects.toThrow(
          ForgeRefusedError,
        );
      });

      test('one of a branch that is not there is not found', async () => {
        const draft = { title: 'Nothing', body: '', head: 'nowhere', base: 'main' };

        await expect(forge.createPullRequest(ref, draft)).rejects.toThrow(ForgeNotFoundError);
      });

      test('an archived repository refuses', async () => {
        const number = await alice.openIssue({ title: 'Talk' });
        await repository.archive();

        await expect(forge.createComment(ref, number, 'late')).rejects.toThrow(ForgeRefusedError);
        expect(await forge.readRepositoryById(ref.id)).toMatchObject({ archived: true });
      });
    });

    describe('changes', () => {
      const changed = async (since: number) =>
        (await forge.listChangedItems(ref.owner, since))
          .filter(({ repository: { id } }) => id === ref.id)
          .map(({ number }) => number)
          .toSorted((a, b) => a - b);
      const changedAt = async (number: number) =>
        (await forge.listChangedItems(ref.owner, 0)).find(
          (item) => item.repository.id === ref.id && item.number === number,
        )?.changedAt ?? NaN;
      /** Later than everything so far, by a forge's clock of whole seconds. */
      const nextSecond = async (number: number) => {
        const before = await changedAt(number);
        await until('the next second', async () => {
          await alice.comment(number, 'tick');
          return (await changedAt(number)) > before;
        });
        return changedAt(number);
      };

      test('the repositories that may be written to are listed, and no others', async () => {
        await repository.grantReading();
        expect(await forge.listWritableRepositories()).toContainEqual(ref);
        expect(await world.outsiderForge.listWritableRepositories()).not.toContainEqual(ref);
        await repository.archive();
        expect(await forge.listWritableRepositories()).not.toContainEqual(ref);
      });

      test('an item tells what it is, whose, where, and what is on it', async () => {
        const issue = await alice.openIssue({
          title: 'Work',
          labels: ['bot-bottle:demo'],
          assignees: ['bot'],
        });
        const pull = await openPullRequest('feature');
        const items = await forge.listOpenItems(ref);
        const common = { repository: ref, state: 'open' };
        expect(items.toSorted((a, b) => a.number - b.number)).toMatchObject([
          {
            ...common,
            number: issue,
            isPullRequest: false,
            title: 'Work',
            author: 'alice',
            labels: ['bot-bottle:demo'],
            assignees: ['bot'],
          },
          { ...common, number: pull, isPullRequest: true, author: 'bot', labels: [] },
        ]);
        for (const { createdAt, changedAt: at } of items) {
          expect(at).toBeGreaterThanOrEqual(createdAt);
        }
      });

      test('more open items than a page holds are all listed, and closed ones are not', async () => {
        for (let i = 0; i <= world.pageSize; i++) {
          await alice.openIssue({ title: `Issue ${i}` });
        }
        await alice.close(1);
        expect(await forge.listOpenItems(ref)).toHaveLength(world.pageSize);
        expect(await changed(0)).toHaveLength(world.pageSize + 1);
      });

      test('what was changed since a moment is listed, in any state, and nothing older', async () => {
        const [one, two, three] = [
          await alice.openIssue({ title: 'One' }),
          await alice.openIssue({ title: 'Two' }),
          await alice.openIssue({ title: 'Three' }),
        ];
        const since = await nextSecond(three);
        expect(await changed(since)).toEqual([three]);
        await alice.comment(one, 'hello');
        expect(await changed(since)).toEqual([one, three]);
        await alice.close(two);
        expect(await changed(since)).toEqual([one, two, three]);
        const later = await nextSecond(three);
        await alice.setLabels(two, ['bot-bottle:demo']);
        expect(await changed(later)).toEqual([two, three]);
      });

      test('an owner that is not there is not found', async () => {
        await expect(forge.listChangedItems('nobody-at-all', 0)).rejects.toThrow(
          ForgeNotFoundError,
        );
      });

      test('who closed and reopened an issue is listed, oldest first', async () => {
        const number = await alice.openIssue({ title: 'Work' });
        expect(await forge.listStateChanges(ref, number)).toEqual([]);
        await alice.close(number);
        await repository.as('bot').reopen(number);
        await alice.comment(number, 'hello');
        const changes = await forge.listStateChanges(ref, number);
        expect(changes).toMatchObject([
          { change: 'closed', by: 'alice' },
          { change: 'reopened', by: 'bot' },
        ]);
        expect(changes[1]?.at).toBeGreaterThanOrEqual(changes[0]?.at ?? Infinity);
        const since = await nextSecond(number);
        expect(await forge.listStateChanges(ref, number, since)).toEqual([]);
        await alice.close(number);
        expect(await forge.listStateChanges(ref, number, since)).toMatchObject([
          { change: 'closed', by: 'alice' },
        ]);
      });

      test('a merge closes a pull request, and so does the end of its branch', async () => {
        const merged = await openPullRequest('merged');
        await alice.merge(merged);
        const deleted = await openPullRequest('deleted');
        await alice.deleteBranch('deleted');
        for (const number of [merged, deleted]) {
          await until('the change', async () => {
            const changes = await forge.listStateChanges(ref, number);
            return changes.length === 1 && changes[0]?.by === 'alice';
          });
        }
      });

      test('requests are counted', async () => {
        const before = forge.requests;
        await forge.whoAmI();
        expect(forge.requests).toBe(before + 1);
      });
    });

    describe('names', () => {
      test('a repository is read by name and by id', async () => {
        const found = await forge.readRepository(ref.owner, ref.name);

        expect(found).toMatchObject({ ref, defaultBranch: 'main', archived: false });
        expect(found.ref.forgeHost).toBe(forge.host);
        expect(found.cloneUrl).toMatch(new RegExp(`^https?://.*/${ref.owner}/${ref.name}\\.git$`));
        expect(await forge.readRepositoryById(ref.id)).toEqual(found);
      });

      test('what is not there is not found', async () => {
        await expect(forge.readRepository(ref.owner, 'nothing')).rejects.toThrow(
          ForgeNotFoundError,
        );
        await expect(forge.readRepository('nobody', 'nothing')).rejects.toThrow(ForgeNotFoundError);
        await expect(forge.readRepositoryById(99_999_999)).rejects.toThrow(ForgeNotFoundError);
      });

      test('after a rename reads follow, writes are refused unsent, and the id still leads there', async () => {
        const number = await openPullRequest('topic');
        await alice.comment(number, 'hello');
        await repository.rename(`${ref.name}-renamed`);

        expect(await forge.readPullRequest(ref, number)).toMatchObject({ number });
        expect(await forge.listComments(ref, number)).toHaveLength(1);
        expect(await forge.findOpenPullRequest(ref, 'topic')).toMatchObject({ number });
        expect(await forge.canWrite(ref, 'mallory')).toBe(false);
        await expect(forge.createComment(ref, number, 'lost?')).rejects.toThrow(ForgeMovedError);
        await expect(forge.updateDescription(ref, number, 'lost?')).rejects.toThrow(
          ForgeMovedError,
        );

        const { ref: current } = await forge.readRepositoryById(ref.id);
        expect(current).toEqual({ ...ref, name: `${ref.name}-renamed` });
        expect(await forge.listComments(current, number)).toHaveLength(1);
      });

      test('another repository that took over the name is not mistaken for it', async () => {
        await alice.openIssue({ title: 'Ours' });
        await repository.rename(`${ref.name}-renamed`);
        const another = await repository.createAnother(ref.name);

        await another.as('alice').openIssue({ title: 'Theirs' });

        expect(another.ref).toEqual({ ...ref, id: another.ref.id });
        await expect(forge.readIssue(ref, 1)).rejects.toThrow(ForgeMovedError);
        await expect(forge.listComments(ref, 1)).rejects.toThrow(ForgeMovedError);
        expect(await forge.readIssue(another.ref, 1)).toMatchObject({ title: 'Theirs' });
      });
    });

    describe('people', () => {
      test('the token tells whose it is', async () => {
        expect(await forge.whoAmI()).toBe('bot');
        expect(await world.outsiderForge.whoAmI()).toBe('mallory');
      });

      test('members of an org are known, others and unknown names are not members', async () => {
        expect(await forge.isOrgMember(world.org, 'alice')).toBe(true);
        expect(await forge.isOrgMember(world.org, 'bot')).toBe(true);
        expect(await forge.isOrgMember(world.org, 'mallory')).toBe(false);
        expect(await forge.isOrgMember(world.org, 'nobody-of-that-name')).toBe(false);
      });

      test('an org that is not there is not found, rather than without members', async () => {
        await expect(forge.isOrgMember('no-such-org', 'alice')).rejects.toThrow(ForgeNotFoundError);
      });

      test('who is no member may not ask', async () => {
        const asked = world.outsiderForge.isOrgMember(world.org, 'alice');

        await expect(asked).rejects.toThrow(ForgeDeniedError);
      });

      test('who administrates or writes may write; outsiders, readers and unknown names may not', async () => {
        expect(await forge.canWrite(ref, 'alice')).toBe(true);
        expect(await forge.canWrite(ref, 'bot')).toBe(true);
        expect(await forge.canWrite(ref, 'mallory')).toBe(false);
        expect(await forge.canWrite(ref, 'nobody-of-that-name')).toBe(false);

        await repository.grantReading();
        expect(await forge.canWrite(ref, 'mallory')).toBe(false);
      });
    });
  });
}
