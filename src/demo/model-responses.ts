import type { Step } from './model-turn.ts';
import { commandOf, findShellTool, objects, pieces, textOf } from './model-wire.ts';
import type { ModelWire, WireAnswer, WireEvent } from './model-wire.ts';

/** OpenAI's Responses API. */
export const openaiResponses: ModelWire = {
  shellOf: ({ tools }) => findShellTool(tools),
  read: ({ model, input }) => ({
    protocol: 'openai-responses',
    model: textOf(model),
    steps:
      typeof input === 'string'
        ? [{ kind: 'prompt', text: input }]
        : objects(input).flatMap(stepOf),
  }),
  events: (answer) => [
    { type: 'response.created', response: { ...response(answer), status: 'in_progress' } },
    ...itemsOf(answer).flatMap(itemEvents),
    { type: 'response.completed', response: whole(answer) },
  ],
  whole,
};

function stepOf(item: Record<string, unknown>): Step[] {
  switch (item['type']) {
    case undefined:
    case 'message':
      return item['role'] === 'user' || item['role'] === 'assistant'
        ? [
            {
              kind: item['role'] === 'user' ? 'prompt' : 'said',
              text: textOf(item['content']),
            },
          ]
        : [];
    case 'function_call':
      return [{ kind: 'command', command: commandOf(parsed(item['arguments'])) }];
    case 'function_call_output': {
      const text = textOf(item['output']);
      return [{ kind: 'result', text, failed: saysFailed(text) }];
    }
    default:
      return [];
  }
}

/** The protocol has no field for it: clients say it in words. */
function saysFailed(output: string): boolean {
  return /(?:exited with code|exit code:?) (?!0\b)\d+/i.test(output);
}

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(textOf(text));
  } catch {
    return {};
  }
}

function response({ id, model }: WireAnswer): Record<string, unknown> {
  return { id: `resp_${id}`, object: 'response', created_at: 0, model, output: [] };
}

function whole(answer: WireAnswer): Record<string, unknown> {
  const { input, output } = answer.tokens;
  return {
    ...response(answer),
    status: 'completed',
    output: itemsOf(answer),
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + output,
    },
  };
}

function itemsOf({ id, text, call }: WireAnswer): Record<string, unknown>[] {
  const message = {
    type: 'message',
    id: `msg_${id}`,
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text, annotations: [] }],
  };
  return [
    ...(text === undefined ? [] : [message]),
    ...(call === undefined
      ? []
      : [
          {
            type: 'function_call',
            id: `fc_${id}`,
            call_id: `call_${id}`,
            name: call.tool,
            arguments: JSON.stringify(call.input),
            status: 'completed',
          },
        ]),
  ];
}

function itemEvents(item: Record<string, unknown>, index: number): WireEvent[] {
  const place = { item_id: item['id'], output_index: index };
  const isMessage = item['type'] === 'message';
  const begun = {
    ...item,
    status: 'in_progress',
    ...(isMessage ? { content: [] } : { arguments: '' }),
  };
  return [
    { type: 'response.output_item.added', output_index: index, item: begun },
    ...(isMessage ? textEvents(item, place) : callEvents(item, place)),
    { type: 'response.output_item.done', output_index: index, item },
  ];
}

function textEvents(item: Record<string, unknown>, place: object): WireEvent[] {
  const at = { ...place, content_index: 0 };
  const text = textOf(item['content']);
  const part = { type: 'output_text', annotations: [] };
  return [
    { type: 'response.content_part.added', ...at, part: { ...part, text: '' } },
    ...pieces(text).map((delta) => ({ type: 'response.output_text.delta', ...at, delta })),
    { type: 'response.output_text.done', ...at, text },
    { type: 'response.content_part.done', ...at, part: { ...part, text } },
  ];
}

function callEvents(item: Record<string, unknown>, place: object): WireEvent[] {
  const all = textOf(item['arguments']);
  return [
    ...pieces(all).map((delta) => ({
      type: 'response.function_call_arguments.delta',
      ...place,
      delta,
    })),
    { type: 'response.function_call_arguments.done', ...place, arguments: all },
  ];
}
