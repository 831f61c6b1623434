import type { ServerResponse } from 'node:http';

/** What a client of the gateway is told in place of a model's answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Further members of the error object. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    message: string,
    extra: { headers?: Record<string, string>; details?: Record<string, unknown> } = {},
  ) {
    super(message);
    this.status = status;
    this.headers = extra.headers ?? {};
    this.details = extra.details ?? {};
  }
}

const types: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** One shape for all: Anthropic's clients read `type` and `error`, OpenAI's the members of `error`. */
function errorBody({ status, message, details }: Refusal): string {
  const type = types[status] ?? 'api_error';
  return JSON.stringify({
    type: 'error',
    error: { type, message: `bot-bottle: ${message}`, code: type, ...details },
  });
}

export function sendRefusal(response: ServerResponse, refusal: Refusal): void {
  response.writeHead(refusal.status, { ...refusal.headers, 'content-type': 'application/json' });
  response.end(errorBody(refusal));
}

/** For a stream that has begun: its last event. */
export function errorEvent(refusal: Refusal): string {
  // The line before it may have been cut.
  return `\n\nevent: error\ndata: ${errorBody(refusal)}\n\n`;
}
