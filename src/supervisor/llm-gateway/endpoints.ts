import type { LlmProtocol } from '../../domain/agent.ts';

/** One thing that a model server is asked for. */
export interface Endpoint {
  readonly method: 'GET' | 'POST';
  readonly path: RegExp;
  /** A model answers, and it costs. */
  readonly generates: boolean;
}

const models = (path: RegExp): Endpoint => ({ method: 'GET', path, generates: false });
const generation = (path: RegExp): Endpoint => ({ method: 'POST', path, generates: true });

const endpoints: Readonly<Record<LlmProtocol, readonly Endpoint[]>> = {
  'anthropic-messages': [
    generation(/^\/v1\/messages$/),
    { method: 'POST', path: /^\/v1\/messages\/count_tokens$/, generates: false },
    models(/^\/v1\/models(\/[\w:-][\w.:-]*)?$/),
  ],
  'openai-responses': [generation(/^\/responses$/), models(/^\/models$/)],
  'openai-completions': [generation(/^\/chat\/completions$/), models(/^\/models$/)],
};

/** These alone go on to the model server: a key may be among the others. */
const passedParameters: readonly string[] = [
  'beta',
  'limit',
  'after_id',
  'before_id',
  'client_version',
];

export interface CallTarget {
  readonly route: string;
  /** As it is appended to the route's upstream. */
  readonly path: string;
  /** What of the query goes on; begins with `?` unless it is empty. */
  readonly query: string;
}

/** Takes a request's target apart; undefined when it does not name a route. */
export function parseTarget(url: string): CallTarget | undefined {
  const [, route, path = '/', query = ''] =
    /^\/llm\/([^/?#]+)(\/[^?#]*)?(?:\?([^#]*))?$/.exec(url) ?? [];
  if (route === undefined) return undefined;
  const passed = [...new URLSearchParams(query)].filter(([name]) =>
    passedParameters.includes(name),
  );
  const search = new URLSearchParams(passed).toString();
  return { route, path, query: search === '' ? '' : `?${search}` };
}

/**
 * What a path means to a protocol; undefined when it is none of what the gateway lets through. OpenAI's base URLs end in
 * `/v1`: that is part of the upstream, and left out of `path` where a client adds it to the route too.
 */
export function findEndpoint(
  protocol: LlmProtocol,
  method: string | undefined,
  path: string,
): { readonly endpoint: Endpoint; readonly path: string } | undefined {
  const own = protocol === 'anthropic-messages' ? path : path.replace(/^\/v1(?=\/)/, '');
  const endpoint = endpoints[protocol].find((one) => one.method === method && one.path.test(own));
  return endpoint === undefined ? undefined : { endpoint, path: own };
}
