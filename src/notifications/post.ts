import { NotifierRefusedError, NotifierUnavailableError } from '../domain/errors.ts';

const timeoutMs = 10_000;

/** Statuses below 500 that may be others next time: time-out, too early, too many. */
const passing: readonly number[] = [408, 425, 429];

/**
 * One POST whose answer is its status. Redirects are not followed: they would take headers and content elsewhere.
 * @throws NotifierUnavailableError, NotifierRefusedError; their messages do not tell the address
 */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers,
    body,
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: unknown) => {
    throw new NotifierUnavailableError(whyNoAnswer(error));
  });
  // Whatever it says, only the status counts; and a body without an end is not waited for.
  await answer.body?.cancel().catch(() => undefined);
  const { status } = answer;
  if (status >= 200 && status < 300) {
    return;
  }
  if (status >= 500 || passing.includes(status)) {
    const seconds = Number(answer.headers.get('retry-after') ?? NaN);
    throw new NotifierUnavailableError(`the server answers ${status}`, {
      ...(seconds > 0 && { retryAfterSeconds: seconds }),
    });
  }
  throw new NotifierRefusedError(`the server answers ${status}${whatHelps(status)}`);
}

function whatHelps(status: number): string {
  if (status >= 300 && status < 400) {
    return ', a redirect, and those are not followed: give the address that it leads to';
  }
  return status === 401 || status === 403
    ? ': check the token or the secret, and what they may do'
    : ': check the address';
}

/** The error's own message may quote the address. */
function whyNoAnswer(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `the server does not answer within ${timeoutMs / 1000} s`;
  }
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof Error)) {
    return 'the server cannot be reached';
  }
  return `the server cannot be reached (${'code' in cause ? String(cause.code) : cause.message})`;
}
