/**
 * Errors with a name of their own, so that a retry policy, an API route or a CLI can tell them apart
 * after they crossed a process boundary as a name and a message.
 */

/** What the forge answered, when it was not what was asked for. */
export class ForgeError extends Error {
  override readonly name: string = 'ForgeError';
  /** HTTP status, or undefined when no answer came. */
  readonly status: number | undefined;
  constructor(message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.status = options.status;
  }
}

/** Passing: no answer, a time-out, 429 or 5xx. Worth another try. */
export class ForgeUnavailableError extends ForgeError {
  override readonly name = 'ForgeUnavailableError';
  /** Seconds the forge asked to wait, if it did. */
  readonly retryAfterSeconds: number | undefined;
  constructor(
    message: string,
    options: { status?: number; cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, options);
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** 404: it is not there, or hidden from this account. */
export class ForgeNotFoundError extends ForgeError {
  override readonly name = 'ForgeNotFoundError';
}

/** 401 or 403: the token is wrong, or lacks a scope or a right. */
export class ForgeDeniedError extends ForgeError {
  override readonly name = 'ForgeDeniedError';
}

/**
 * Whether another try of the same may help: the forge is away, or the token has expired (401), which is a person's to renew.
 * A right that is missing (403) is not waited for.
 */
export function mayPass(error: unknown): boolean {
  return (
    error instanceof ForgeUnavailableError ||
    (error instanceof ForgeDeniedError && error.status === 401)
  );
}

/** 409, 412, 422, 423 and other refusals of a well-formed request. */
export class ForgeRefusedError extends ForgeError {
  override readonly name = 'ForgeRefusedError';
}

/** The repository answers under another name now. A write was not sent again. */
export class ForgeMovedError extends ForgeError {
  override readonly name = 'ForgeMovedError';
}

/** A write outside the bottle's scope. Never sent, always logged. */
export class ForgeScopeError extends Error {
  override readonly name = 'ForgeScopeError';
}

/** The bottle was destroyed; a late launch or resume finds its tombstone. */
export class BottleDestroyedError extends Error {
  override readonly name = 'BottleDestroyedError';
}

/** A launch that no retry will mend: an unknown agent, a broken manifest, an unusable backend. */
export class LaunchRefusedError extends Error {
  override readonly name = 'LaunchRefusedError';
}

/** No place is free on the host: the launch waits. */
export class HostFullError extends Error {
  override readonly name = 'HostFullError';
}

/** A setting or a file that cannot be used. The message names the key, the problem and the accepted form. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A notifier did not take a notification; another try may help. The message names no secret, nor an address. */
export class NotifierUnavailableError extends Error {
  override readonly name = 'NotifierUnavailableError';
  /** Seconds it asked to wait, if it did. */
  readonly retryAfterSeconds: number | undefined;
  constructor(message: string, options: { cause?: unknown; retryAfterSeconds?: number } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** A notifier refuses a notification, and will again. */
export class NotifierRefusedError extends Error {
  override readonly name = 'NotifierRefusedError';
}
