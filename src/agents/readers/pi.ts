import type { OutputReader } from '../output-reader.ts';
import { createEventReader, type Gathered } from './event-reader.ts';
import {
  contentText,
  errorText,
  type Fields,
  number,
  object,
  objects,
  parse,
  text,
} from './fields.ts';
import { commandLines, noteLine, resultLines, saidLines, toolLine } from './log-lines.ts';

/** Repeated in full with each piece of an answer, of an output, and at the end. */
const ignored = [
  'message_update',
  'message_start',
  'tool_execution_update',
  'turn_end',
  'agent_end',
].map((type) => `{"type":"${type}"`);

/**
 * Reads `pi --mode json`, which exits with 0 also when it failed. Its cost is left aside: what it reckons for a model that it
 * does not know is another model's price.
 */
export function createPiReader(): OutputReader {
  const facts: Gathered = {};
  let session = '';

  function interpret(event: Fields): string | undefined {
    switch (event['type']) {
      case 'session':
        session = text(event['id']);
        return noteLine(`session ${session}`);
      case 'message_end':
        return messageEnd(object(event['message']));
      case 'tool_execution_start':
        return event['toolName'] === 'bash'
          ? commandLines(text(object(event['args'])['command']))
          : toolLine(text(event['toolName']), object(event['args']));
      case 'tool_execution_end':
        return resultLines(contentText(object(event['result'])['content']));
      case 'auto_retry_start': {
        const { attempt, maxAttempts: of, delayMs } = event;
        const seconds = ((number(delayMs) ?? 0) / 1000).toFixed(1);
        return noteLine(`retry ${number(attempt)} of ${number(of)} in ${seconds} s`);
      }
      case 'compaction_start':
        return noteLine('the conversation grows too long: it is summed up');
      case 'agent_start':
      case 'turn_start':
      case 'auto_retry_end':
      case 'compaction_end':
      case 'queue_update':
        return '';
      default:
        return undefined;
    }
  }

  function messageEnd(message: Fields): string {
    if (message['role'] !== 'assistant') {
      return '';
    }
    // It keeps a conversation from the first answer on; before that none can be continued.
    facts.session = session;
    const content = objects(message['content']);
    const failure = failureOf(message, content);
    if (failure !== undefined) {
      facts.failure = failure;
      const limit = limitOf(text(message['errorMessage']));
      if (limit !== undefined) {
        facts.limit = limit;
      }
      return noteLine(`failed: ${failure}`);
    }
    delete facts.failure;
    delete facts.limit;
    facts.turns = (facts.turns ?? 0) + 1;
    const said = contentText(content);
    if (said.trim() !== '') {
      facts.message = said;
    }
    return noteLine(`turn ${facts.turns}`) + saidLines(said);
  }

  return createEventReader({ facts, interpret, ignored });
}

function failureOf(message: Fields, content: readonly Fields[]): string | undefined {
  switch (message['stopReason']) {
    case 'error':
    case 'aborted':
      return errorText(text(message['errorMessage'])) || text(message['stopReason']);
    default:
      // A page of HTML with status 200 is an empty answer to it.
      return content.length === 0 && number(object(message['usage'])['output']) === 0
        ? "the model's server gave no answer that could be understood"
        : undefined;
  }
}

/** `429 {"type":"error","error":{…}}`; a quota that is used up has no end. */
function limitOf(errorMessage: string): { resetsAt?: number } | undefined {
  if (!errorMessage.startsWith('429')) {
    return undefined;
  }
  const { type, resets_at: seconds } = object(
    object(parse(errorMessage.slice(errorMessage.indexOf('{'))))['error'],
  );
  if (type === 'insufficient_quota') {
    return undefined;
  }
  const resetsAt = number(seconds);
  return resetsAt === undefined ? {} : { resetsAt: resetsAt * 1000 };
}
