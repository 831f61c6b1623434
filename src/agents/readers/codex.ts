import type { OutputReader } from '../output-reader.ts';
import { createEventReader, type Gathered } from './event-reader.ts';
import { contentText, errorText, type Fields, number, object, objects, text } from './fields.ts';
import { commandLines, noteLine, resultLines, saidLines, toolLine } from './log-lines.ts';

/** Reads `codex exec --json`. It counts no turns of the model, and no dollars. */
export function createCodexReader(): OutputReader {
  const facts: Gathered = {};

  function interpret(event: Fields): string | undefined {
    switch (event['type']) {
      case 'thread.started':
        facts.session = text(event['thread_id']);
        return noteLine(`session ${facts.session}`);
      case 'turn.started':
      case 'item.updated':
        return '';
      case 'item.started':
        return itemStarted(object(event['item']));
      case 'item.completed':
        return itemCompleted(object(event['item']));
      case 'error':
        return failed(text(event['message']));
      case 'turn.failed':
        return failed(text(object(event['error'])['message']));
      case 'turn.completed':
        delete facts.failure;
        delete facts.limit;
        return noteLine('finished');
      default:
        return undefined;
    }
  }

  function failed(message: string): string {
    const said = errorText(message);
    if (said.startsWith('Reconnecting...')) {
      return noteLine(said);
    }
    const isRepeated = facts.failure === said;
    facts.failure = said;
    if (/usage limit/i.test(said)) {
      const resetsAt = resetTime(said, new Date());
      facts.limit = resetsAt === undefined ? {} : { resetsAt };
    } else if (/\b429\b/.test(said)) {
      facts.limit = {};
    }
    return isRepeated ? '' : noteLine(`failed: ${said}`);
  }

  function itemCompleted(item: Fields): string {
    switch (item['type']) {
      case 'agent_message':
        facts.message = text(item['text']);
        return saidLines(facts.message);
      case 'command_execution':
        return resultLines(text(item['aggregated_output'])) + exitLine(number(item['exit_code']));
      case 'mcp_tool_call':
        return resultLines(
          contentText(object(item['result'])['content']) || text(object(item['error'])['message']),
        );
      case 'file_change':
        return objects(item['changes'])
          .map(({ kind, path }) => noteLine(`${text(kind)} ${text(path)}`))
          .join('');
      case 'error':
        return noteLine(text(item['message']));
      default:
        return '';
    }
  }

  return createEventReader({ facts, interpret });
}

function itemStarted(item: Fields): string {
  switch (item['type']) {
    case 'command_execution':
      return commandLines(withoutShell(text(item['command'])));
    case 'mcp_tool_call':
      return toolLine(`${text(item['server'])}.${text(item['tool'])}`, object(item['arguments']));
    default:
      return '';
  }
}

function exitLine(code: number | undefined): string {
  return code === undefined || code === 0 ? '' : `  exit code ${code}\n`;
}

/** `/usr/bin/bash -c 'git push'` is `git push` to people. */
function withoutShell(command: string): string {
  const [, quote, inner] = /^\S*sh -l?c (['"]?)([\s\S]*?)\1$/.exec(command) ?? [];
  return inner === undefined || (quote !== '' && inner.includes(quote ?? '')) ? command : inner;
}

/**
 * When a limit ends, from "try again at Nov 26th, 2026 12:21 AM." or, on the same day, "try again at 10:34 PM.". The
 * program writes its local time, which is UTC as we start it, without seconds.
 */
function resetTime(message: string, now: Date): number | undefined {
  const today = now.toUTCString().slice('Wed, '.length, 'Wed, 25 Nov 2026'.length);
  const [, date = today, time] =
    /try again at (?:(\w{3} \d{1,2}\w{2}, \d{4}) )?(\d{1,2}:\d{2} [AP]M)/.exec(message) ?? [];
  if (time === undefined) {
    return undefined;
  }
  const minute = Date.parse(`${date.replace(/(\d)(?:st|nd|rd|th),/, '$1,')} ${time} UTC`);
  return Number.isNaN(minute) ? undefined : minute + 60_000;
}
