import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publishes, saysThatItRuns, succeeds, worker } from '../support/agents.ts';
import { GiteaPerson } from '../support/gitea-person.ts';
import { until } from '../support/until.ts';
import { openIssue, type WorldIssue } from '../support/world-issue.ts';
import { startWorld, type World } from '../support/world.ts';

/** Works until somebody ends it, unless a comment asks for an end. */
const endless = `set -e${saysThatItRuns}
  if grep -q "that is enough" "$BOTTLE_PROMPT"; then ${publishes}${succeeds}
  else while :; do echo "still here"; sleep 0.5; done; fi`;

/** In one world nobody is asked, in the other nothing begins without a person, and labels show where it is. */
let world: World;
let approving: World;

beforeAll(async () => {
  [world, approving] = await Promise.all([
    startWorld({ agents: { endless } }),
    startWorld({
      agents: { worker },
      environment: {
        ORCHESTRATOR_APPROVAL: 'required',
        ORCHESTRATOR_STATE_LABELS: 'true',
        ORCHESTRATOR_PUBLIC_URL: 'https://bots.example',
      },
    }),
  ]);
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await approving?.[Symbol.asyncDispose]();
});

/** Comments, and waits for the answer. Gives the reaction, if that is one. */
async function command(issue: WorldIssue, text: string, on = issue.number): Promise<string> {
  const id = await issue.alice.comment(on, text);
  return await until(`an answer to ${text}`, async () => {
    const [reaction] = await issue.alice.reactions(id);
    const replied = (await issue.comments(on)).some(({ marker }) => marker === String(id));
    return reaction ?? (replied && /help|status/.test(text) ? 'none' : undefined);
  });
}

async function replies(issue: WorldIssue, on = issue.number): Promise<string[]> {
  const comments = await issue.comments(on);
  return comments
    .filter(({ marker, author }) => author === 'bot' && /^\d+$/.test(marker ?? ''))
    .map(({ body }) => body);
}

test('an issue is led through its life by commands in comments', async () => {
  const place = await world.repository();
  const issue = await openIssue(world, place, 'endless');
  await issue.printed(1, /still here/);

  const before = await issue.reaches('running', 1);
  expect(await command(issue, '/bottle extend 2h')).toBe('bot +1');
  const { workflow } = await issue.reaches('running', 1);
  expect(deadlineOf(workflow) - deadlineOf(before.workflow)).toBe(7_200_000);

  // As if it had been killed between doing that and writing it down.
  await world.orchestrator.kill();
  const forgotten = forgetLastCommand(world);
  await world.orchestrator.start();
  await until('it to be handled again', async () =>
    (await world.deliveries('dispatched')).some(({ sequence }) => sequence === forgotten),
  );
  const again = await issue.reaches('running', 1);
  expect(deadlineOf(again.workflow)).toBe(deadlineOf(workflow));

  expect(await command(issue, '/bottle status')).toBe('none');
  expect((await replies(issue))[0]).toMatch(
    /\*\*running\*\* since .*agent `endless`[^]*run 1[^]*orchestrator show/,
  );

  expect(await command(issue, '/bottle freeze')).toBe('bot +1');
  const frozen = await issue.reaches('frozen', 1);
  expect(frozen.runs).toMatchObject([{ outcome: 'cancelled' }]);
  expect(await command(issue, '/bottle freeze')).toBe('bot -1');
  expect(await command(issue, '/bottle melt')).toBe('bot confused');

  const mallory = new GiteaPerson(world.gitea.mallory, place.repository);
  const hers = await mallory.comment(issue.number, '/bottle destroy');
  await until('the record', async () =>
    (await world.deliveries('ignored')).some(({ reason }) => reason?.startsWith('mallory can')),
  );

  // Everything until now was a command: nothing of it is in a prompt.
  expect(await command(issue, '/bottle resume')).toBe('bot +1');
  await issue.printed(2, /still here/);
  expect(await issue.prompt(2)).toMatch(/^Continue\./);
  expect(await command(issue, '/bottle freeze')).toBe('bot +1');
  await issue.reaches('frozen', 2);
  await issue.alice.comment(issue.number, 'that is enough');
  const pullRequest = await issue.worked(3);
  expect(await issue.prompt(3)).not.toContain('/bottle');

  // The same words below the pull request.
  expect(await command(issue, '/bottle extend 1h', pullRequest)).toBe('bot -1');
  expect((await replies(issue, pullRequest))[0]).toMatch(/refused:\*\* no run has a deadline/);
  expect(await command(issue, '/bottle destroy', pullRequest)).toBe('bot +1');
  await issue.reaches('destroyed', 3);
  await issue.workflow.result();
  expect(await command(issue, '/bottle freeze')).toBe('bot -1');

  // No workflow is open: it begins one.
  expect(await command(issue, '/bottle retry')).toBe('bot +1');
  const second = await until('the second life', async () => {
    const view = await issue.view();
    return view?.life === 2 ? view : undefined;
  });
  expect(second.slug).not.toBe(frozen.slug);

  expect(await mallory.reactions(hers)).toEqual([]);
  expect((await replies(issue)).map((body) => body.split('\n', 1)[0])).toEqual([
    expect.stringContaining('running'),
    expect.stringMatching(/`\/bottle freeze` was refused:\*\* nothing runs: the issue is frozen/),
    expect.stringContaining('There is no such command.'),
    expect.stringMatching(/refused:\*\* no life of the issue is open: it is destroyed/),
  ]);
});

test('where approval is required an issue waits for it, says so once, and survives a restart', async () => {
  const issue = await openIssue(approving, await approving.repository(), 'worker');
  const queued = await until('the question', async () => {
    const view = await issue.view();
    return view?.attention?.startsWith('waits for approval') ? view : undefined;
  });
  expect(queued).toMatchObject({ phase: 'queued', workflow: { awaitsApproval: true } });
  const asked = async () =>
    (await issue.comments()).filter(({ marker }) => marker === 'approval').map(({ body }) => body);
  await until('the comment', async () => (await asked()).length > 0);

  await approving.orchestrator.kill();
  await approving.orchestrator.start();
  expect(await command(issue, '/bottle status')).toBe('none');
  expect((await replies(issue))[0]).toMatch(/\*\*queued\*\*[^]*waits for approval/);
  expect(await issue.view()).toMatchObject({ phase: 'queued', run: 0 });

  expect(await stateLabels(issue)).toEqual(['bottle/queued']);
  expect(await command(issue, '/bottle approve')).toBe('bot +1');
  const pullRequest = await issue.worked(1);
  expect(await command(issue, '/bottle approve', pullRequest)).toBe('bot -1');
  expect(await asked()).toEqual([expect.stringContaining('`/bottle approve`')]);
  expect(await issue.view()).toMatchObject({ attention: null });

  // What the forge shows of it, from here to the end.
  const branch = `bot-bottle/issue-${issue.number}`;
  const shows = (label: string[], description: string) =>
    until(`${label.join()} and ${description}`, async () => {
      const status = (await issue.alice.statuses(branch)).at(-1);
      return (
        String(await stateLabels(issue)) === String(label) && status?.description === description
      );
    });
  await shows(['bottle/frozen'], 'Run 1 is done');
  expect((await issue.alice.statuses(branch)).at(-1)).toEqual({
    context: 'bot-bottle',
    state: 'success',
    description: 'Run 1 is done',
    url: 'https://bots.example',
  });
  await issue.alice.comment(pullRequest, 'once more');
  await issue.worked(2);
  await shows(['bottle/frozen'], 'Run 2 is done');
  // The newest commit is another one now.
  await issue.alice.push(branch, 'by-hand.txt');
  await shows(['bottle/frozen'], 'Run 2 is done');
  await issue.alice.merge(pullRequest);
  await issue.reaches('destroyed', 2);
  await issue.workflow.result();
  expect(await stateLabels(issue)).toEqual([]);
  const made = (await issue.alice.labels()).filter(({ name }) => name.startsWith('bottle/'));
  expect(made.map(({ name }) => name).toSorted()).toEqual([
    'bottle/frozen',
    'bottle/queued',
    'bottle/running',
  ]);
  for (const { exclusive, description } of made) {
    expect([exclusive, description]).toEqual([true, expect.stringMatching(/\w+/)]);
  }
});

/** Its delivery waits again, and what it came to is not known. Only while nobody else uses the store. */
function forgetLastCommand({ dataDirectory }: World): number {
  const database = new Database(join(dataDirectory, 'orchestrator.db'));
  try {
    const [last] = database
      .prepare<[], { sequence: number }>(
        'select max(sequence) as sequence from comments where command_accepted = 1',
      )
      .all();
    const sequence = last?.sequence ?? 0;
    database.prepare("update deliveries set state = 'waiting' where sequence = ?").run(sequence);
    const { changes } = database
      .prepare('update comments set command_accepted = null where sequence = ?')
      .run(sequence);
    expect(changes).toBe(1);
    return sequence;
  } finally {
    database.close();
  }
}

async function stateLabels(issue: WorldIssue): Promise<string[]> {
  return (await issue.labels()).filter((name) => name.startsWith('bottle/'));
}

function deadlineOf(workflow: { state: string; deadlineAt?: string | null }): number {
  return Date.parse(workflow.deadlineAt ?? '');
}
