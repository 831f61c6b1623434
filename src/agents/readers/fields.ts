/** Fields of events whose shape is another program's affair: what is not as expected reads as absent. */
export type Fields = Readonly<Record<string, unknown>>;

export function object(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

export function objects(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(object) : [];
}

/** Empty when it is no text. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The texts of a message's content: itself, or its parts of type `text`, each from a line of its own. */
export function contentText(content: unknown): string {
  return typeof content === 'string'
    ? content
    : objects(content)
        .filter(({ type }) => type === 'text')
        .map((part) => text(part['text']))
        .join('\n');
}

/** What a provider's error says of itself, where the program gives it on as JSON after some words, or none. */
export function errorText(message: string): string {
  const start = message.indexOf('{');
  const parsed = start === -1 ? undefined : parse(message.slice(start));
  const said = text(object(object(parsed)['error'])['message']);
  const before = start === -1 ? '' : message.slice(0, start).trim();
  return said === '' ? message : [before, said].filter((part) => part !== '').join(': ');
}

/** Undefined when it is no JSON. */
export function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
