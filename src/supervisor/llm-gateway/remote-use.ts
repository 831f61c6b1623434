import type { LlmProtocol } from '../../domain/agent.ts';
import { isObject, type JsonObject } from './request-body.ts';

/**
 * Finds what in a request would make the provider fetch addresses, run code or call tools of others on the agent's
 * behalf: a way out of the bottle that passes nobody.
 * @returns the place in the request and what is there; undefined when nothing is
 */
export function findRemoteUse(protocol: LlmProtocol, body: JsonObject): string | undefined {
  return protocol === 'anthropic-messages' ? findAtAnthropic(body) : findAtOpenAi(protocol, body);
}

/** Tools that the client carries out, and the search among its own tools. New ones are refused until they are known. */
const anthropicTools =
  /^(custom|(bash|text_editor|computer|memory|tool_search_tool(_regex|_bm25)?)(_\d+)?)$/;
const openAiTools: ReadonlySet<string> = new Set([
  'function',
  'custom',
  'local_shell',
  'apply_patch',
  'tool_search',
  'namespace',
]);

function findAtAnthropic(body: JsonObject): string | undefined {
  const tools = list(body['tools']).map(({ type = 'custom' }, index) =>
    anthropicTools.test(String(type)) ? undefined : `tools[${index}] of type ${String(type)}`,
  );
  return first([
    ...setMembers(body, ['mcp_servers', 'container']),
    ...tools,
    ...list(body['messages']).map(({ content }, index) =>
      findUrlSource(content, `messages[${index}].content`),
    ),
    findUrlSource(body['system'], 'system'),
  ]);
}

/** Content blocks hold others. What a tool was called with is the model's own text, and no content. */
function findUrlSource(content: unknown, place: string): string | undefined {
  return first(
    list(content).map((block, index) => {
      const source = isObject(block['source']) ? block['source'] : {};
      const here = `${place}[${index}]`;
      if (source['type'] === 'url') return `${here}.source of type url`;
      return (
        findUrlSource(block['content'], `${here}.content`) ??
        findUrlSource(source['content'], `${here}.source.content`)
      );
    }),
  );
}

function findAtOpenAi(protocol: LlmProtocol, body: JsonObject): string | undefined {
  const conversation = protocol === 'openai-responses' ? 'input' : 'messages';
  return first([
    // A stored prompt brings tools of its own; plugins are OpenRouter's.
    ...setMembers(body, ['background', 'prompt', 'web_search_options', 'plugins']),
    findRemoteTool(body['tools'], 'tools'),
    findUrl(body[conversation], conversation),
  ]);
}

function findRemoteTool(tools: unknown, place: string): string | undefined {
  return first(
    list(tools).map(({ type, tools: inner }, index) =>
      openAiTools.has(String(type))
        ? findRemoteTool(inner, `${place}[${index}].tools`)
        : `${place}[${index}] of type ${String(type)}`,
    ),
  );
}

/** Arguments and outputs of tools are text here, so that every such member is content. */
function findUrl(value: unknown, place: string): string | undefined {
  if (Array.isArray(value)) {
    return first(value.map((item, index) => findUrl(item, `${place}[${index}]`)));
  }
  if (!isObject(value)) return undefined;
  return first(
    Object.entries(value).map(([key, member]) => {
      const here = `${place}.${key}`;
      if (key !== 'image_url' && key !== 'file_url') return findUrl(member, here);
      const url = isObject(member) ? member['url'] : member;
      const isInline = typeof url !== 'string' || /^data:/i.test(url);
      return isInline ? undefined : `${here}, an address`;
    }),
  );
}

function setMembers(body: JsonObject, names: readonly string[]): (string | undefined)[] {
  return names.map((name) => {
    const value = body[name];
    const isUnset = value === undefined || value === null || value === false;
    return isUnset || (Array.isArray(value) && value.length === 0) ? undefined : name;
  });
}

function list(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.map((item) => (isObject(item) ? item : {})) : [];
}

function first(found: readonly (string | undefined)[]): string | undefined {
  return found.find((one) => one !== undefined);
}
