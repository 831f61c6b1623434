import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';

/** A machine without a way out must not wait long before the next way is tried. */
const CONNECT_TIMEOUT_MS = 8_000;
const STALL_TIMEOUT_MS = 30_000;

/** The text behind `url`. Rejects with a one-line reason. */
export async function downloadText(url: string): Promise<string> {
  const { response, watch } = await open(url);
  try {
    return await response.text();
  } catch (error) {
    throw brokenOff(url, error);
  } finally {
    watch.stop();
  }
}

/**
 * Writes what is behind `url` to `file`, which is to be trusted only if this resolves: `sha256` (hex) was compared.
 * Rejects with a one-line reason.
 */
export async function downloadFile(url: string, file: string, sha256: string): Promise<void> {
  const { response, watch } = await open(url);
  const hash = createHash('sha256');
  try {
    if (response.body === null) {
      throw new Error('the answer has no body');
    }
    await pipeline(
      Readable.fromWeb(response.body as ReadableStream<Uint8Array>),
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          watch.restart(STALL_TIMEOUT_MS);
          hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(file),
    );
  } catch (error) {
    throw brokenOff(url, error);
  } finally {
    watch.stop();
  }
  const actual = hash.digest('hex');
  if (actual !== sha256) {
    throw new Error(`the checksum of ${url} is wrong: ${sha256} is published, ${actual} came`);
  }
}

interface Watch {
  restart(milliseconds: number): void;
  stop(): void;
}

async function open(url: string): Promise<{ response: Response; watch: Watch }> {
  const aborter = new AbortController();
  const watch = watchFor(aborter, CONNECT_TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(url, { signal: aborter.signal });
  } catch (error) {
    watch.stop();
    throw new Error(
      `the download host is out of reach (${new URL(url).host}: ${reasonOf(error)})`,
      { cause: error },
    );
  }
  if (!response.ok) {
    watch.stop();
    await response.body?.cancel();
    throw new Error(`the download host answered ${String(response.status)} for ${url}`);
  }
  watch.restart(STALL_TIMEOUT_MS);
  return { response, watch };
}

function watchFor(aborter: AbortController, milliseconds: number): Watch {
  const start = (limit: number): NodeJS.Timeout =>
    setTimeout(() => aborter.abort(new Error(`nothing came for ${String(limit / 1000)} s`)), limit);
  let timer = start(milliseconds);
  return {
    restart(limit) {
      clearTimeout(timer);
      timer = start(limit);
    },
    stop() {
      clearTimeout(timer);
    },
  };
}

function brokenOff(url: string, error: unknown): Error {
  return new Error(`the download of ${url} broke off (${reasonOf(error)})`, { cause: error });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  // fetch says only "fetch failed" or "terminated"; what happened is in the cause.
  const { cause } = error;
  if (cause instanceof Error) {
    return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
  }
  return error.message;
}
