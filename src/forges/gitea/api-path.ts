import { ForgeNotFoundError } from '../../domain/errors.ts';

/**
 * Builds a path of the API, every value as one encoded segment: apiPath`/repos/${owner}/${name}`.
 * @throws ForgeNotFoundError for a value that a URL would fold away (empty, `.`, `..`): no such thing has a name like that,
 *   and the request would reach another path than the one written down
 */
export function apiPath(strings: TemplateStringsArray, ...values: (string | number)[]): string {
  return String.raw({ raw: strings }, ...values.map(segment));
}

function segment(value: string | number): string {
  const text = String(value);
  if (/^\.{0,2}$/.test(text)) {
    throw new ForgeNotFoundError(`nothing on a forge is named "${text}"`);
  }
  return encodeURIComponent(text);
}
