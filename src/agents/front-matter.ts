import { LineCounter, isMap, isNode, isScalar, parseDocument, visit } from 'yaml';
import type { Document } from 'yaml';
import type * as z from 'zod';
import { ConfigError } from '../domain/errors.ts';

export interface FrontMatter<T> {
  readonly value: T;
  /** The text below it. */
  readonly body: string;
  /** A mistake that only others can see: `<file>:<line>: <key>: <problem>`. */
  problemAt(path: readonly PropertyKey[], problem: string): ConfigError;
}

/**
 * Reads a Markdown file that begins with YAML between two lines `---`.
 * @param file as it is named in errors
 * @throws ConfigError `<file>:<line>: <key>: <problem>` for the first mistake
 */
export function readFrontMatter<T extends z.ZodType>(
  file: string,
  text: string,
  schema: T,
): FrontMatter<z.infer<T>> {
  const match = /^---[ \t]*\n([\s\S]*?)^---[ \t]*(?:\n|$)/m.exec(normalized(text));
  if (match?.[1] === undefined || match.index !== 0) {
    throw new ConfigError(`${file}:1: must begin with YAML between two lines of three dashes`);
  }
  const lines = new LineCounter();
  const document = parseDocument(match[1], { lineCounter: lines });
  // The first line is the dashes'.
  const lineAt = (offset: number): number => lines.linePos(offset).line + 1;
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const [said = ''] = mistake.message.split(/ at line \d+|\n/);
    throw new ConfigError(`${file}:${lineAt(mistake.pos[0])}: ${said}`);
  }
  const stray = findStrayAlias(document);
  if (stray !== undefined) {
    throw new ConfigError(
      `${file}:${lineAt(stray.offset)}: "*${stray.name}" needs quotes: a star begins an alias in YAML`,
    );
  }
  const problemAt = (path: readonly PropertyKey[], problem: string): ConfigError => {
    const line = lineAt(offsetOf(document, path));
    const key = path.length === 0 ? '' : `${path.join('.')}: `;
    return new ConfigError(`${file}:${line}: ${key}${problem}`);
  };
  const parsed = schema.safeParse(toPlain(file, document));
  if (!parsed.success) {
    const { path, problem } = firstProblem(parsed.error.issues);
    throw problemAt(path, problem);
  }
  return { value: parsed.data, body: normalized(text).slice(match[0].length).trim(), problemAt };
}

/** An alias that names nothing: somebody meant a text with a star, a host say. */
function findStrayAlias(document: Document): { name: string; offset: number } | undefined {
  let found: { name: string; offset: number } | undefined;
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) {
        return undefined;
      }
      found = { name: alias.source, offset: alias.range?.[0] ?? 0 };
      return visit.BREAK;
    },
  });
  return found;
}

function normalized(text: string): string {
  return text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
}

function toPlain(file: string, document: Document): unknown {
  try {
    // Nothing between the dashes means: no keys.
    return document.toJS() ?? {};
  } catch (error) {
    // More aliases than any person writes.
    throw new ConfigError(`${file}:1: ${(error as Error).message}`);
  }
}

function firstProblem(issues: readonly z.core.$ZodIssue[]): {
  path: readonly PropertyKey[];
  problem: string;
} {
  // A slip of the pen makes two: the key that is missing, and the one that is written.
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  if (issue?.code === 'unrecognized_keys') {
    return { path: [...issue.path, issue.keys[0] ?? ''], problem: 'is not a key of this manifest' };
  }
  return { path: issue?.path ?? [], problem: issue?.message ?? 'is not valid' };
}

/** Where the node at `path` begins; of a key that is missing, where its map begins. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = document.getIn(path.slice(0, depth - 1), true);
    const name = path[depth - 1];
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => isScalar(key) && key.value === name)
      : undefined;
    const node = pair?.key ?? document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) {
      return node.range[0];
    }
  }
  return 0;
}
