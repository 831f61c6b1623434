import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { TokenScope } from '../domain/api-token.ts';
import type { ApiTokenStore } from '../store/store.ts';

/** Who sent a request, by its token. */
export interface Caller {
  /** The token's name. */
  readonly name: string;
  /** `admin` makes and revokes tokens, and is the token in the data directory alone. */
  readonly scope: TokenScope | 'admin';
}

/** What the token in the data directory is called. */
export const adminName = 'api';

/** Recognisable for what looks for secrets in files, and long enough that no guess finds one. */
const prefix = 'bbo_';
const pattern = /^bbo_[\w-]{43}$/;

/** A use is written down at most once in this time: a request must not wait for the disk. */
const usedAgainMs = 60_000;

export function newToken(): string {
  return `${prefix}${randomBytes(32).toString('base64url')}`;
}

/** What is kept of a token. It is random, so that nothing slower than SHA-256 is called for. */
export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/**
 * Finds the bearer of a token, or undefined for one that is unknown or has expired.
 * @param adminToken the token in the data directory
 */
export function createCallers(
  adminToken: string,
  tokens: Pick<ApiTokenStore, 'byDigest' | 'used'>,
): (token: string) => Promise<Caller | undefined> {
  const admin = Buffer.from(digestOf(adminToken));
  return async (token) => {
    const digest = digestOf(token);
    if (timingSafeEqual(Buffer.from(digest), admin)) {
      return { name: adminName, scope: 'admin' };
    }
    const record = pattern.test(token) ? await tokens.byDigest(digest) : undefined;
    const now = Date.now();
    if (record === undefined || (record.expiresAt ?? Infinity) <= now) {
      return undefined;
    }
    if (now - (record.lastUsedAt ?? 0) >= usedAgainMs) {
      await tokens.used(digest, now);
    }
    return { name: record.name, scope: record.scope };
  };
}
