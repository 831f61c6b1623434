import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import type { Catalogue, LaunchPlan, SandboxParts } from '../agents/catalogue.ts';
import type {
  BottleHost,
  ForgeCredentials,
  LaunchRequest,
  LlmAccess,
  RunKey,
} from '../bottles/host.ts';
import type { ProviderName } from '../domain/agent.ts';
import type { Issue, IssueRef, Repository } from '../domain/issue.ts';
import type { Forge } from '../forges/forge.ts';
import type { CommentRecord, Store } from '../store/store.ts';
import type { LaunchInput, LaunchOutput } from './inputs.ts';
import { buildPrompt, readIssue } from './prompt.ts';

export interface LaunchPorts {
  readonly host: BottleHost;
  readonly forge: Forge;
  readonly store: Store;
  readonly catalogue: Catalogue;
  readonly credentials: () => Promise<ForgeCredentials>;
}

/** Launches runs: what the manifests, the forge and the store say of one is put together, recorded, and given to the host. */
export function createLaunch(
  ports: LaunchPorts,
): (input: LaunchInput, run: RunKey) => Promise<LaunchOutput> {
  const { host, forge, store, catalogue, credentials } = ports;
  return launch;

  async function launch(input: LaunchInput, run: RunKey): Promise<LaunchOutput> {
    const { issue, life, workflowId } = input;
    const earlier = await findPrepared(run);
    const begunAt = earlier === undefined ? undefined : await host.begunAt(run);
    if (earlier !== undefined && begunAt !== undefined) {
      // An earlier attempt started it. Neither forge nor manifest is needed to say so, and both may be gone meanwhile.
      return await started(issue, run, begunAt, earlier);
    }
    const sandbox = sandboxOf(life, await catalogue.sandboxOf(life.bottle));
    const asked = askForge(issue);
    const order = putTogether(input, run, sandbox, earlier, asked);
    order.catch(() => {});
    const { cancellationSignal } = Context.current();
    const { startedAt } = await host.launch(
      {
        ...run,
        workflowId,
        backend: life.backend,
        repository: { id: issue.repository.id },
        branch: life.branch,
        ...sandbox,
      },
      {
        source: asked.then(({ repository, ...rest }) => ({
          repository: sourceOf(repository),
          ...rest,
        })),
        request: order.then(({ request }) => request),
      },
      cancellationSignal,
    );
    const { prepared, timeLimitMs } = await order;
    // A run that ended before its agent began counts as started now: the watch tells its end.
    const launched = await started(issue, run, startedAt ?? Date.now(), prepared);
    return timeLimitMs === undefined ? launched : { ...launched, timeLimitMs };
  }

  async function askForge(issue: IssueRef): Promise<Asked> {
    const [repository, forgeCredentials] = await Promise.all([
      forge.readRepositoryById(issue.repository.id),
      credentials(),
    ]);
    return { repository, credentials: forgeCredentials };
  }

  /** All of the launch that the forge is asked for. */
  async function putTogether(
    input: LaunchInput,
    run: RunKey,
    sandbox: Pick<LaunchRequest, 'limits' | 'image' | 'tools' | 'cli'>,
    earlier: Prepared | undefined,
    asked: Promise<Asked>,
  ): Promise<PreparedRequest> {
    const { issue, life, workflowId } = input;
    const {
      repository,
      credentials: { login },
    } = await asked;
    await store.repositories.see(repository.ref);
    // A first prompt has it in, and the repository's manifests come over the same way.
    const opening = earlier === undefined && !input.resumes ? readIssue(ports, issue) : undefined;
    opening?.catch(() => {});
    const plan = await catalogue.plan(life.agent, life.bottle, repository.ref);
    const session = await findSession(run.slug, plan.provider);
    const prepared = earlier ?? (await prepare(input, run, plan, session, opening));
    // Also by a further attempt: the manifests may have been mended since the one before.
    await record(input, run, plan, prepared.prompt);
    const command = plan.command({ prompt: prepared.prompt, session });
    const request: LaunchRequest = {
      ...run,
      workflowId,
      backend: life.backend,
      repository: sourceOf(repository),
      issueNumber: issue.number,
      ...(input.pullRequest === undefined ? {} : { pullRequestNumber: input.pullRequest }),
      branch: life.branch,
      prompt: prepared.prompt,
      provider: plan.provider,
      argv: command.argv,
      environment: { ...plan.environment, ...command.environment },
      files: command.files,
      ...(Object.keys(plan.routes).length === 0 ? {} : { llm: await accessOf(plan, run) }),
      egress: plan.egress,
      gitIdentity: {
        name: login,
        email: `${login}@${repository.ref.forgeHost.replace(/:\d+$/, '')}`,
      },
      ...sandbox,
      deadlineMs: Math.min(input.deadlineMs, plan.timeLimitMs ?? Infinity),
    };
    return {
      request,
      prepared,
      timeLimitMs: plan.timeLimitMs,
    };
  }

  async function accessOf(plan: LaunchPlan, { slug, run }: RunKey): Promise<LlmAccess> {
    const { routes, runBudget, issueBudget } = plan;
    return { routes, runBudget, issueBudget, spentBefore: await store.runs.spentBy(slug, run) };
  }

  async function started(
    issue: IssueRef,
    run: RunKey,
    at: number,
    { prompt, readUpTo }: Prepared,
  ): Promise<LaunchOutput> {
    await store.runs.started(run.slug, run.run, at);
    await store.issues.update(issue, {
      phase: 'running',
      run: run.run,
      lastCheckinAt: at,
      attention: null,
    });
    return { readUpTo, promptDigest: digest(prompt) };
  }

  /** What an earlier attempt has put together for this run. */
  async function findPrepared({ slug, run }: RunKey): Promise<Prepared | undefined> {
    const prompt = await store.runs.prompt(slug, run);
    return prompt === undefined
      ? undefined
      : { prompt, readUpTo: newest(await store.comments.takenBy(slug, run)) };
  }

  /** The conversation to go on with. A program cannot take up another's. */
  async function findSession(slug: string, provider: ProviderName): Promise<string | undefined> {
    const last = await store.runs.sessionOf(slug);
    return last?.provider === provider ? last.session : undefined;
  }

  /**
   * Puts the prompt together from what is unread now. Once it is stored it stays: an earlier attempt may have started
   * the agent with it.
   */
  async function prepare(
    input: LaunchInput,
    run: RunKey,
    plan: LaunchPlan,
    session: string | undefined,
    opening: Promise<Issue> | undefined,
  ): Promise<Prepared> {
    const taken = await store.comments.takeUnread(input.issue, run.slug, run.run);
    return {
      prompt: await buildPrompt(ports, input, plan, session, taken, opening),
      readUpTo: newest(taken),
    };
  }

  async function record(
    { issue, life, cause }: LaunchInput,
    run: RunKey,
    plan: LaunchPlan,
    prompt: string,
  ): Promise<void> {
    await store.runs.prepare({
      issue,
      slug: run.slug,
      life: life.number,
      run: run.run,
      agentName: life.agent,
      bottleNames: [life.bottle],
      backendName: life.backend,
      hostId: host.hostId,
      prompt,
      promptDigest: digest(prompt),
      cause,
      provider: plan.provider,
      model: plan.model,
      runBudget: plan.runBudget,
      issueBudget: plan.issueBudget,
      manifestDigest: plan.digest,
    });
  }
}

interface Asked {
  readonly repository: Repository;
  readonly credentials: ForgeCredentials;
}

interface PreparedRequest {
  readonly request: LaunchRequest;
  readonly prepared: Prepared;
  readonly timeLimitMs: number | undefined;
}

interface Prepared {
  readonly prompt: string;
  readonly readUpTo: number;
}

/** The external CLI is told which agent it is; other backends are told what to execute. */
function sandboxOf(
  { agent, backend }: LaunchInput['life'],
  { cli, ...plan }: SandboxParts,
): Pick<LaunchRequest, 'limits' | 'image' | 'tools' | 'cli'> {
  return backend === 'bot-bottle' ? { ...plan, cli: { agent, bottles: [], ...cli } } : plan;
}

function sourceOf({ ref, cloneUrl, defaultBranch }: Repository): LaunchRequest['repository'] {
  const { id, forgeHost, owner, name } = ref;
  return { id, forgeHost, owner, name, cloneUrl, defaultBranch };
}

function newest(comments: readonly CommentRecord[]): number {
  return Math.max(0, ...comments.map((comment) => comment.sequence));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
