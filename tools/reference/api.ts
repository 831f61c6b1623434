import { openApiDocument } from '../openapi.ts';
import { code, markdownTable } from './markdown.ts';

/** As much of OpenAPI 3.1 as the API's description has. */
interface ApiDescription {
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>;
}

interface ApiOperation {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: BodySchema }>>;
  };
  readonly responses: Readonly<Record<string, object>>;
}

interface BodySchema {
  readonly properties?: Readonly<Record<string, object>>;
  readonly anyOf?: readonly BodySchema[];
}

/** A table for each group of requests. */
export async function apiReference(): Promise<string> {
  const description = (await openApiDocument()) as ApiDescription;
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  return description.tags
    .map(({ name, description: meaning }) => {
      const rows = operations
        .filter(({ operation }) => operation.tags.includes(name))
        .map(({ path, method, operation }) => [
          code(`${method.toUpperCase()} ${path}`),
          operation.summary,
          given(operation),
          Object.keys(operation.responses).join(', '),
        ]);
      const table = markdownTable(['request', 'what it does', 'may be given', 'answers'], rows);
      return `### ${name}\n\n${meaning}\n\n${table}`;
    })
    .join('\n\n');
}

/** Parameters of the query, then fields of the body. */
function given({ parameters = [], requestBody }: ApiOperation): string {
  const query = parameters.flatMap((one) => (one.in === 'query' ? [`?${one.name}`] : []));
  const bodies = Object.values(requestBody?.content ?? {}).map(({ schema }) => schema);
  const fields = bodies
    .flatMap((schema) => [schema, ...(schema.anyOf ?? [])])
    .flatMap(({ properties = {} }) => Object.keys(properties));
  return [...query, ...fields].map(code).join(', ') || '-';
}
