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
  return (
    findMember(body, ['mcp_servers', 'container']) ??
    first(body['tools'], ({ type = 'custom' }, index) =>
      anthropicTools.test(String(type)) ? undefined : `tools[${index}] of type ${String(type)}`,
    ) ??
    first(body['messages'], ({ content }, index) =>
      findUrlSource(content, `messages[${index}].content`),
    ) ??
    findUrlSource(body['system'], 'system')
  );
}

/** Content blocks hold others. What a tool was called with is the model's own text, and no content. */
function findUrlSource(content: unknown, place: string): string | undefined {
  return first(content, (block, index) => {
    const source = isObject(block['source']) ? block['source'] : {};
    const here = `${place}[${index}]`;
    if (source['type'] === 'url') return `${here}.source of type url`;
    return (
      findUrlSource(block['content'], `${here}.content`) ??
      findUrlSource(source['content'], `${here}.source.content`)
    );
  });
}

function findAtOpenAi(protocol: LlmProtocol, body: JsonObject): string | undefined {
  const conversation = protocol === 'openai-responses' ? 'input' : 'messages';
  return (
    // A stored prompt brings tools of its own; plugins are OpenRouter's.
    findMember(body, ['background', 'prompt', 'web_search_options', 'plugins']) ??
    findRemoteTool(body['tools'], 'tools') ??
    // What a search among tools found is offered from then on.
    first(body[conversation], ({ tools }, index) =>
      findRemoteTool(tools, `${conversation}[${index}].tools`),
    ) ??
    findUrl(body[conversation], conversation)
  );
}

function findRemoteTool(tools: unknown, place: string): string | undefined {
  return first(tools, ({ type, tools: inner }, index) =>
    openAiTools.has(String(type))
      ? findRemoteTool(inner, `${place}[${index}].tools`)
      : `${place}[${index}] of type ${String(type)}`,
  );
}

/** Arguments and outputs of tools are text here, so that every such member is content. */
function findUrl(value: unknown, place: string): string | undefined {
  if (Array.isArray(value)) {
    return firstOf(value, (item, index) => findUrl(item, `${place}[${index}]`));
  }
  if (!isObject(value)) return undefined;
  return firstOf(Object.entries(value), ([key, member]) => {
    const here = `${place}.${key}`;
    if (key !== 'image_url' && key !== 'file_url') return findUrl(member, here);
    const url = isObject(member) ? member['url'] : member;
    const isInline = typeof url !== 'string' || /^data:/i.test(url);
    return isInline ? undefined : `${here}, an address`;
  });
}

function findMember(body: JsonObject, names: readonly string[]): string | undefined {
  return names.find((name) => {
    const value = body[name];
    const isUnset = value === undefined || value === null || value === false;
    return !isUnset && !(Array.isArray(value) && value.length === 0);
  });
}

/** @param list anything: what is no list has nothing in it, and what is no object has no members */
function first(
  list: unknown,
  find: (item: JsonObject, index: number) => string | undefined,
): string | undefined {
  return Array.isArray(list)
    ? firstOf(list, (item, index) => find(isObject(item) ? item : {}, index))
    : undefined;
}

/** What is found first. Nothing is looked for, or kept in memory, beyond it. */
function firstOf<T>(
  list: readonly T[],
  find: (item: T, index: number) => string | undefined,
): string | undefined {
  for (const [index, item] of list.entries()) {
    const found = find(item, index);
    if (found !== undefined) return found;
  }
  return undefined;
}
