import type { IncomingMessage, ServerResponse } from 'node:http';

/** A client that takes nothing for that long is treated as gone. */
const stalledMs = 60_000;
/** Smaller pieces cost more one by one than they do gathered. */
const gatheredBytes = 4_096;

/**
 * Passes a stream on to the client, at the client's pace. When the client is gone the rest is read all the same: only its
 * end tells what it used, and a client that hangs up early must not get it for nothing.
 * @param onChunk sees each part before the client does
 * @returns whether the stream came to its end. The client's answer is left open.
 */
export function relay(
  answer: IncomingMessage,
  client: ServerResponse,
  onChunk: (chunk: Buffer) => void,
): Promise<boolean> {
  return new Promise((resolve) => {
    let stalled: NodeJS.Timeout | undefined;
    let gathered: Buffer[] = [];
    const goOn = (): void => {
      clearTimeout(stalled);
      answer.resume();
    };
    const passOn = (chunk: Buffer): void => {
      onChunk(chunk);
      if (client.destroyed || client.write(chunk)) return;
      answer.pause();
      clearTimeout(stalled);
      stalled = setTimeout(() => client.destroy(), stalledMs);
    };
    const passGathered = (): void => {
      if (gathered.length === 0) return;
      const chunk = Buffer.concat(gathered);
      gathered = [];
      passOn(chunk);
    };
    client.on('drain', goOn);
    client.on('close', goOn);
    answer.on('data', (chunk: Buffer) => {
      // Servers send each event by itself: those that come together go on together.
      if (chunk.length < gatheredBytes) {
        if (gathered.push(chunk) === 1) process.nextTick(passGathered);
      } else {
        passGathered();
        passOn(chunk);
      }
    });
    // What is an error has no end; `close` comes in any case.
    answer.on('error', () => {});
    answer.on('close', () => {
      passGathered();
      clearTimeout(stalled);
      client.off('drain', goOn);
      client.off('close', goOn);
      resolve(answer.complete);
    });
  });
}

/**
 * Reads an answer into memory.
 * @returns undefined when it breaks off or is larger than `maxBytes`
 */
export async function readWhole(
  answer: IncomingMessage,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer) {
      size += (chunk as Buffer).length;
      if (size > maxBytes) return undefined;
      chunks.push(chunk as Buffer);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}
