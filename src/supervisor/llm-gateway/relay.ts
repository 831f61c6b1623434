import type { IncomingMessage, ServerResponse } from 'node:http';

/** A client that takes nothing for that long is treated as gone. */
const stalledMs = 60_000;
/** Pieces that are smaller cost more one by one than to put them together. */
const crumbBytes = 4_096;
/** A turn that brings more hands on in between: what is gathered is memory. */
const gatheredAtMost = 1024 * 1024;

/**
 * Passes a stream on to the client, at the client's pace, and together what came in one turn of the event loop: a system call
 * for each piece would cost more than all that is done with it. When the client is gone the rest is read all the same: only
 * its end tells what it used, and a client that hangs up early must not get it for nothing.
 * @param onChunk sees each part before the client does, and gives what the client gets of it
 * @param onHandedOver hears of each turn's bytes once: when the next one begins and nothing holds them any more, or at the end
 * @returns whether the stream came to its end. The client's answer is left open.
 */
export function relay(
  answer: IncomingMessage,
  client: ServerResponse,
  onChunk: (chunk: Buffer) => Buffer,
  onHandedOver: (bytes: number) => void,
): Promise<boolean> {
  return new Promise((resolve) => {
    let stalled: NodeJS.Timeout | undefined;
    let gathered: Buffer[] = [];
    let gatheredBytes = 0;
    let handedOver = 0;
    const goOn = (): void => {
      clearTimeout(stalled);
      answer.resume();
    };
    const passOn = (): void => {
      const areCrumbs = gatheredBytes < gathered.length * crumbBytes;
      const pieces = areCrumbs ? [Buffer.concat(gathered)] : gathered;
      handedOver += gatheredBytes;
      gathered = [];
      gatheredBytes = 0;
      let takesMore = true;
      for (const piece of pieces) {
        const passed = onChunk(piece);
        takesMore = client.destroyed || client.write(passed);
      }
      if (takesMore) return;
      answer.pause();
      clearTimeout(stalled);
      stalled = setTimeout(() => client.destroy(), stalledMs);
    };
    client.on('drain', goOn);
    client.on('close', goOn);
    answer.on('data', (chunk: Buffer) => {
      gatheredBytes += chunk.length;
      if (gathered.push(chunk) === 1) {
        setImmediate(passOn);
        onHandedOver(handedOver);
        handedOver = 0;
      }
      if (gatheredBytes >= gatheredAtMost) passOn();
    });
    // What is an error has no end; `close` comes in any case.
    answer.on('error', () => {});
    answer.on('close', () => {
      passOn();
      onHandedOver(handedOver);
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
