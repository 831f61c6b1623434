import type { Step } from './model-turn.ts';
import { commandOf, findShellTool, objects, pieces, textOf } from './model-wire.ts';
import type { ModelWire, WireAnswer, WireEvent } from './model-wire.ts';

/** Anthropic's Messages API. */
export const anthropicMessages: ModelWire = {
  shellOf: ({ tools }) => findShellTool(tools),
  read: ({ model, messages }) => ({
    protocol: 'anthropic-messages',
    model: textOf(model),
    steps: objects(messages).flatMap(({ role, content }) =>
      blocksOf(content).flatMap((block) => stepOf(role, block)),
    ),
  }),
  events: (answer) => [
    { type: 'message_start', message: { ...message(answer), content: [], stop_reason: null } },
    ...contentOf(answer).flatMap(blockEvents),
    {
      type: 'message_delta',
      delta: { stop_reason: stopReason(answer), stop_sequence: null },
      usage: { output_tokens: answer.tokens.output },
    },
    { type: 'message_stop' },
  ],
  whole: (answer) => ({
    ...message(answer),
    content: contentOf(answer),
    stop_reason: stopReason(answer),
  }),
};

function blocksOf(content: unknown): Record<string, unknown>[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : objects(content);
}

function stepOf(role: unknown, block: Record<string, unknown>): Step[] {
  switch (block['type']) {
    case 'text':
      return [{ kind: role === 'assistant' ? 'said' : 'prompt', text: textOf(block['text']) }];
    case 'tool_use':
      return [{ kind: 'command', command: commandOf(block['input']) }];
    case 'tool_result':
      return [
        { kind: 'result', text: textOf(block['content']), failed: block['is_error'] === true },
      ];
    default:
      return [];
  }
}

function message({ id, model, tokens }: WireAnswer): Record<string, unknown> {
  return {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model,
    stop_sequence: null,
    usage: {
      input_tokens: tokens.input,
      output_tokens: tokens.output,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
    },
  };
}

function contentOf({ id, text, call }: WireAnswer): Record<string, unknown>[] {
  return [
    ...(text === undefined ? [] : [{ type: 'text', text }]),
    ...(call === undefined
      ? []
      : [{ type: 'tool_use', id: `toolu_${id}`, name: call.tool, input: call.input }]),
  ];
}

function blockEvents(block: Record<string, unknown>, index: number): WireEvent[] {
  const isText = block['type'] === 'text';
  const deltas = isText
    ? pieces(textOf(block['text'])).map((text) => ({ type: 'text_delta', text }))
    : pieces(JSON.stringify(block['input'])).map((partial_json) => ({
        type: 'input_json_delta',
        partial_json,
      }));
  return [
    {
      type: 'content_block_start',
      index,
      content_block: { ...block, ...(isText ? { text: '' } : { input: {} }) },
    },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
}

function stopReason({ call }: WireAnswer): string {
  return call === undefined ? 'end_turn' : 'tool_use';
}
