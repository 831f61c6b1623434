import type { OutputReader } from '../output-reader.ts';
import { createEventReader, type Gathered } from './event-reader.ts';
import { contentText, type Fields, number, object, objects, text } from './fields.ts';
import { commandLines, noteLine, resultLines, saidLines, toolLine } from './log-lines.ts';

/** Reads `claude -p --output-format stream-json --verbose`. */
export function createClaudeReader(): OutputReader {
  const facts: Gathered = {};
  let turns = 0;
  /** One answer of the model comes in several events. */
  let answer = '';

  function interpret(event: Fields): string | undefined {
    switch (event['type']) {
      case 'system':
        return system(event);
      case 'assistant':
        return assistant(event);
      case 'user':
        return objects(object(event['message'])['content'])
          .filter(({ type }) => type === 'tool_result')
          .map(({ content }) => resultLines(contentText(content)))
          .join('');
      case 'rate_limit_event':
        return rateLimit(object(event['rate_limit_info']));
      case 'result':
        return result(event);
      default:
        return undefined;
    }
  }

  function system(event: Fields): string {
    switch (event['subtype']) {
      case 'init': {
        facts.session = text(event['session_id']);
        const missing = objects(event['mcp_servers'])
          .filter(({ status }) => status === 'failed')
          .map(({ name }) => noteLine(`MCP server ${text(name)} cannot be reached`));
        return (
          noteLine(`session ${facts.session}, model ${text(event['model'])}`) + missing.join('')
        );
      }
      case 'api_retry': {
        const { attempt, max_retries: of, retry_delay_ms: delay, error } = event;
        const seconds = ((number(delay) ?? 0) / 1000).toFixed(1);
        return noteLine(
          `retry ${number(attempt)} of ${number(of)} in ${seconds} s: ${text(error)}`,
        );
      }
      default:
        return '';
    }
  }

  function assistant(event: Fields): string {
    const message = object(event['message']);
    const content = objects(message['content']);
    if (event['error'] !== undefined || message['model'] === '<synthetic>') {
      // The program's own words about a failure, which the result repeats.
      return '';
    }
    const isNew = message['id'] !== answer;
    answer = text(message['id']);
    const said = contentText(content);
    if (said.trim() !== '') {
      facts.message = said;
    }
    return (
      (isNew ? noteLine(`turn ${++turns}`) : '') +
      saidLines(said) +
      content
        .filter(({ type }) => type === 'tool_use')
        .map(toolUse)
        .join('')
    );
  }

  function rateLimit({ status, resetsAt }: Fields): string {
    if (status !== 'rejected') {
      return '';
    }
    const seconds = number(resetsAt);
    facts.limit = seconds === undefined ? {} : { resetsAt: seconds * 1000 };
    return '';
  }

  function result(event: Fields): string {
    facts.turns = number(event['num_turns']) ?? turns;
    const cost = costOf(event['model_usage_since_last_result']);
    if (cost !== undefined) {
      facts.costUsd = cost;
    }
    const denied = objects(event['permission_denials']).map(({ tool_name: name }) =>
      noteLine(`permission denied: ${text(name)}`),
    );
    // A refused request ends in `subtype: "success"` with `is_error: true`.
    if (event['is_error'] === true) {
      const errors = Array.isArray(event['errors']) ? event['errors'].map(text).join('; ') : '';
      facts.failure = text(event['result']) || errors || text(event['subtype']);
      if (event['api_error_status'] === 429) {
        facts.limit ??= {};
      }
      return denied.join('') + noteLine(`failed: ${facts.failure}`);
    }
    delete facts.failure;
    delete facts.limit;
    if (text(event['result']).trim() !== '') {
      facts.message = text(event['result']);
    }
    return denied.join('') + noteLine(`finished after ${facts.turns} turns`);
  }

  return createEventReader({ facts, interpret });
}

function toolUse({ name, input }: Fields): string {
  const { command } = object(input);
  return name === 'Bash' ? commandLines(text(command)) : toolLine(text(name), object(input));
}

/**
 * What this execution cost; `total_cost_usd` has the runs before a resume in it. Undefined where the program took the price
 * of a model that it does not know for another's.
 */
function costOf(modelUsage: unknown): number | undefined {
  const models = Object.values(object(modelUsage)).map(object);
  const costs = models.map(({ costUSD, costBasis }) =>
    costBasis === 'unknown' ? undefined : number(costUSD),
  );
  return costs.length === 0
    ? undefined
    : costs.reduce((sum, cost) =>
        sum === undefined || cost === undefined ? undefined : sum + cost,
      );
}
