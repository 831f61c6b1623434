/** Access to a Gitea as the account that the token belongs to. */
export interface GiteaClient {
  /** Without a slash at the end. */
  readonly url: string;
  readonly token: string;
}

/** An account's own name and password: the only thing that Gitea accepts where tokens are made. */
export interface GiteaPassword {
  readonly url: string;
  readonly name: string;
  readonly password: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Gitea's refusal; `status` is the HTTP status. */
export class GiteaRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'GiteaRefusal';
    this.status = status;
  }
}

/**
 * Calls `/api/v1<path>` with a JSON body and returns the JSON of the answer, undefined where it is empty. Rejects with
 * `GiteaRefusal` on any status but 2xx.
 */
export async function callGitea(
  access: GiteaClient | GiteaPassword,
  method: Method,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const response = await fetch(`${access.url}/api/v1${path}`, {
    method,
    headers: { authorization: authorization(access), 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    redirect: 'error',
  });
  const text = await response.text();
  if (!response.ok) {
    throw new GiteaRefusal(
      response.status,
      `Gitea: ${method} ${path}: ${String(response.status)} ${text.slice(0, 300)}`,
    );
  }
  return text === '' ? undefined : JSON.parse(text);
}

function authorization(access: GiteaClient | GiteaPassword): string {
  return 'token' in access
    ? `token ${access.token}`
    : `Basic ${Buffer.from(`${access.name}:${access.password}`).toString('base64')}`;
}
