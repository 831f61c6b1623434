import type { Logger } from 'pino';
import {
  helpReply,
  refusedReply,
  statusReply,
  unknownCommandReply,
  unknownStatusReply,
} from '../domain/command-replies.ts';
import type { CommentCommand } from '../domain/comment-command.ts';
import { ForgeError, mayPass } from '../domain/errors.ts';
import type { IssueRef, RepositoryRef } from '../domain/issue.ts';
import { postOnce } from '../domain/post-once.ts';
import type { ForgeDirectory, ForgeReader, ForgeWriter, Reaction } from '../forges/forge.ts';
import type { CommandVerdict, Store } from '../store/store.ts';
import type { WorkflowSignals } from './workflow-signals.ts';

export interface CommentCommandParts {
  readonly store: Pick<Store, 'issues' | 'comments'>;
  readonly forge: Pick<ForgeReader, 'listComments'> &
    Pick<ForgeDirectory, 'whoAmI'> &
    Pick<ForgeWriter, 'createComment' | 'addReaction'>;
  readonly signals: Pick<WorkflowSignals, 'command'>;
  /** Tells a person how to look at an issue. */
  readonly lookAt: (issue: IssueRef) => string;
  readonly log: Pick<Logger, 'warn'>;
}

/** A comment that counts and is a command. */
export interface AskedCommand {
  readonly issue: IssueRef;
  /** Under its current name. */
  readonly repository: RepositoryRef;
  /** Number of the issue or PR that the comment is below. */
  readonly on: number;
  readonly commentId: number;
  readonly author: string;
  /** Of the delivery. */
  readonly sequence: number;
  /** Of the issue or PR, for display only. */
  readonly title: string;
  readonly url: string;
  readonly command: CommentCommand;
}

/**
 * Makes the function that does what a command in a comment asks for, and answers with a reaction or one comment.
 * Idempotent: a verdict is stored before it is told, and what the workflow did before it was stored is known by the
 * delivery's sequence number. An answer that the forge does not take for good is left out: the command is done.
 */
export function commentCommands(
  parts: CommentCommandParts,
): (asked: AskedCommand) => Promise<void> {
  const { store, forge, signals, lookAt, log } = parts;

  return async (asked) => {
    const { command } = asked;
    switch (command.type) {
      case 'help':
        return reply(asked, helpReply());
      case 'status':
        return reply(asked, await statusOf(asked.issue));
      case 'unknown':
        await reply(asked, unknownCommandReply(command.problem));
        return react(asked, 'confused');
      case 'approve':
      case 'freeze':
      case 'resume':
      case 'retry':
      case 'destroy':
      case 'extend': {
        const verdict = await executeOnce(asked, command);
        if (verdict.accepted) {
          return react(asked, '+1');
        }
        await reply(asked, refusedReply(command.type, verdict.reason));
        return react(asked, '-1');
      }
    }
  };

  async function executeOnce(
    asked: AskedCommand,
    command: WorkflowCommand,
  ): Promise<CommandVerdict> {
    const { repository, commentId } = asked;
    const known = await store.comments.commandVerdict(repository.id, commentId);
    if (known !== undefined) {
      return known;
    }
    const verdict = await execute(asked, command);
    await store.comments.recordCommandVerdict(repository.id, commentId, verdict);
    return verdict;
  }

  async function execute(asked: AskedCommand, command: WorkflowCommand): Promise<CommandVerdict> {
    const { issue, sequence, author, title, url } = asked;
    const record = await store.issues.read(issue);
    if (record !== undefined && record.lastSequence >= sequence) {
      // Before a crash; the life in which it was done may have ended since.
      return { accepted: true };
    }
    const answer = await signals.command(issue, record?.title ?? title, record?.url ?? url, {
      ...command,
      by: author,
      sequence,
    });
    switch (answer.answer) {
      case 'accepted':
        return { accepted: true };
      case 'refused':
        return { accepted: false, reason: answer.reason };
      case 'no-workflow':
        return {
          accepted: false,
          reason: `no life of the issue is open${record === undefined ? '' : `: it is ${record.phase}`}. \`/bottle retry\` begins one`,
        };
    }
  }

  async function statusOf(issue: IssueRef): Promise<string> {
    const record = await store.issues.read(issue);
    return record === undefined ? unknownStatusReply() : statusReply(record, lookAt(issue));
  }

  function react({ repository, commentId }: AskedCommand, reaction: Reaction): Promise<void> {
    return tell(commentId, () => forge.addReaction(repository, commentId, reaction));
  }

  function reply({ repository, on, commentId }: AskedCommand, body: string): Promise<void> {
    const key = { slug: 'command', run: 0, digest: String(commentId) };
    return tell(commentId, () => postOnce(forge, store.comments, repository, on, key, body));
  }

  async function tell(commentId: number, post: () => Promise<void>): Promise<void> {
    try {
      await post();
    } catch (error) {
      if (!(error instanceof ForgeError) || mayPass(error)) {
        throw error;
      }
      log.warn({ commentId, reason: error.message }, 'a command could not be answered');
    }
  }
}

type WorkflowCommand = Exclude<CommentCommand, { readonly type: 'help' | 'status' | 'unknown' }>;
