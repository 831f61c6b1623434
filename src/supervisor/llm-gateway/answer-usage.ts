import type { LlmProtocol } from '../../domain/agent.ts';
import { EventScanner } from './event-scanner.ts';
import { isObject, type JsonObject } from './request-body.ts';

/** What one answer of a model says of itself. A count that it does not tell is absent. */
export interface AnswerUsage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
}

export interface ReadAnswer {
  readonly usage: AnswerUsage;
  /** All counts are final: what the answer used is known. */
  readonly isMetered: boolean;
  /** `failed`: it ends with the model server's own error; `cut`: it has no end. */
  readonly end: 'whole' | 'failed' | 'cut';
  /** Code of the error that it ended with, where the server told one. */
  readonly errorCode: string | undefined;
}

/** The events of a stream that tell of usage: their marks, and words that they have. */
const telling: Readonly<Record<LlmProtocol, { hints: readonly string[]; mark: RegExp }>> = {
  'anthropic-messages': { hints: ['usage'], mark: /"message_(?:start|delta)"/ },
  'openai-responses': {
    // What has failed may have used nothing.
    hints: ['usage', 'failed'],
    mark: /"response\.(?:completed|incomplete|failed)"/,
  },
  'openai-completions': { hints: ['usage'], mark: /"usage": ?\{/ },
};
const lastEvent = /"message_stop"|^data: ?\[DONE\]/m;
const errorEvent = /^event: ?error|^data:.*("type": ?"error"|"error": ?\{)/m;

/** Reads a stream's usage as it passes. */
export class StreamUsage {
  readonly #protocol: LlmProtocol;
  readonly #scanner: EventScanner;
  #usage: AnswerUsage = {};
  #isMetered = false;
  #hasFailed = false;
  #errorCode: string | undefined;

  constructor(protocol: LlmProtocol) {
    this.#protocol = protocol;
    const { hints, mark } = telling[protocol];
    this.#scanner = new EventScanner(hints, mark, (event) => this.#take(event));
  }

  write(chunk: Buffer): void {
    this.#scanner.write(chunk);
  }

  end(): ReadAnswer {
    this.#scanner.end();
    const { tail } = this.#scanner;
    const hasFailed = this.#hasFailed || errorEvent.test(tail);
    const isWhole = this.#isMetered || lastEvent.test(tail);
    return {
      usage: this.#usage,
      isMetered: this.#isMetered,
      end: hasFailed ? 'failed' : isWhole ? 'whole' : 'cut',
      errorCode: this.#errorCode,
    };
  }

  #take(event: unknown): void {
    if (!isObject(event)) return;
    const told = usageOf(this.#protocol, event);
    this.#usage = { ...this.#usage, ...told };
    // Anthropic's first event tells of output too, of which most is still to come.
    if (told.outputTokens !== undefined && event['type'] !== 'message_start') {
      this.#isMetered = true;
    }
    if (event['type'] === 'response.failed') {
      this.#hasFailed = true;
      this.#errorCode = errorCodeOf(event);
    }
  }
}

/** Reads the usage of an answer that is one JSON object. */
export function readWholeAnswer(protocol: LlmProtocol, answer: JsonObject): ReadAnswer {
  const usage = usageOf(protocol, answer);
  const isMetered = usage.outputTokens !== undefined;
  return { usage, isMetered, end: 'whole', errorCode: undefined };
}

/** Usage as a whole answer has it, or an event of a stream. */
function usageOf(protocol: LlmProtocol, message: JsonObject): AnswerUsage {
  switch (protocol) {
    case 'anthropic-messages': {
      const usage = member(message['type'] === 'message_start' ? message['message'] : message);
      return known({
        inputTokens: count(usage['input_tokens']),
        outputTokens: count(usage['output_tokens']),
        cacheReadTokens: count(usage['cache_read_input_tokens']),
        cacheWriteTokens: count(usage['cache_creation_input_tokens']),
      });
    }
    case 'openai-responses': {
      const usage = member(isObject(message['response']) ? message['response'] : message);
      return openAiUsage(
        usage['input_tokens'],
        usage['output_tokens'],
        usage['input_tokens_details'],
      );
    }
    case 'openai-completions': {
      const usage = member(message);
      return openAiUsage(
        usage['prompt_tokens'],
        usage['completion_tokens'],
        usage['prompt_tokens_details'],
      );
    }
  }
}

/** Here the input's count includes what came from the cache. */
function openAiUsage(input: unknown, output: unknown, details: unknown): AnswerUsage {
  const cached = isObject(details) ? (count(details['cached_tokens']) ?? 0) : 0;
  const all = count(input);
  return known({
    inputTokens: all === undefined ? undefined : Math.max(0, all - cached),
    outputTokens: count(output),
    cacheReadTokens: all === undefined ? undefined : Math.min(all, cached),
  });
}

function errorCodeOf(event: JsonObject): string | undefined {
  const response = isObject(event['response']) ? event['response'] : {};
  const error = isObject(response['error']) ? response['error'] : {};
  return typeof error['code'] === 'string' ? error['code'] : undefined;
}

function member(message: unknown): JsonObject {
  const usage = isObject(message) ? message['usage'] : undefined;
  return isObject(usage) ? usage : {};
}

function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

function known(usage: { [Key in keyof AnswerUsage]: number | undefined }): AnswerUsage {
  return Object.fromEntries(Object.entries(usage).filter(([, tokens]) => tokens !== undefined));
}
