import { z } from 'zod';

/**
 * The part of a list's query that says which page of it. A cursor names the last entry before the page, so that pages
 * neither repeat nor leave out what stays where it is, whatever is added meanwhile.
 * @param position what a cursor holds
 */
export function pageQuery<Position extends z.ZodObject>(position: Position) {
  return {
    limit: z.coerce
      .number()
      .int()
      .min(1)
      .max(1000)
      .default(100)
      .meta({ description: 'Most entries of a page.' }),
    cursor: z
      .string()
      .max(1000)
      .transform((text, context): z.output<Position> => {
        const held = position.safeParse(decode(text));
        if (!held.success) {
          context.addIssue('is no cursor of this list');
          return z.NEVER;
        }
        return held.data;
      })
      .optional()
      .meta({
        description:
          'Which page: `nextCursor` of the page before it, with the same filters. Without one, the first.',
      }),
  };
}

/** The part of a page beside its entries. */
export const nextCursor = z
  .string()
  .nullable()
  .meta({ description: 'Of the next page; null on the last one.' });

/**
 * @param found what follows the cursor, one entry more than the page holds if there are as many
 * @param position of an entry, as `pageQuery` was told
 */
export function pageOf<Entry>(
  found: readonly Entry[],
  limit: number,
  position: (entry: Entry) => object,
): { readonly entries: readonly Entry[]; readonly nextCursor: string | null } {
  const entries = found.slice(0, limit);
  const last = entries.at(-1);
  return {
    entries,
    nextCursor: found.length > limit && last !== undefined ? encode(position(last)) : null,
  };
}

function encode(position: object): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

function decode(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}
