import type { IncomingMessage } from 'node:http';

/** One ref that a push wants to move. Object names are hex; all zeros mean that the ref is not there. */
export interface PushCommand {
  readonly old: string;
  readonly new: string;
  readonly ref: string;
}

/** The beginning of a receive-pack request, and how to read on. */
export interface PushRequest {
  /** Empty for the probe that git sends ahead of a large push, and for what is not a push. */
  readonly commands: readonly PushCommand[];
  /** The whole body, from its first byte. Read it once. */
  readonly body: AsyncIterable<Buffer>;
}

const maxHeadBytes = 64 * 1024;

/**
 * Reads the command list off a receive-pack request, for the op log: what may be pushed is decided by the hook, from
 * what git itself understood. A list that is longer than 64 KiB, compressed or not in pkt-line form gives no commands.
 */
export async function readPushRequest(request: IncomingMessage): Promise<PushRequest> {
  const chunks = request.iterator({ destroyOnReturn: false });
  const head: Buffer[] = [];
  let commands: readonly PushCommand[] | undefined;
  for (let size = 0; commands === undefined && size < maxHeadBytes;) {
    const { value, done } = (await chunks.next()) as IteratorResult<Buffer, undefined>;
    if (done === true) {
      break;
    }
    head.push(value);
    size += value.length;
    commands = parsePushCommands(Buffer.concat(head));
  }
  return {
    commands: commands ?? [],
    body: (async function* () {
      yield* head;
      yield* chunks as AsyncIterable<Buffer>;
    })(),
  };
}

/** The commands of a complete list (up to its flush packet), or undefined when its end is not there yet. */
export function parsePushCommands(bytes: Buffer): readonly PushCommand[] | undefined {
  const commands: PushCommand[] = [];
  for (let offset = 0; offset + 4 <= bytes.length;) {
    const header = bytes.toString('latin1', offset, offset + 4);
    if (!/^[0-9a-f]{4}$/i.test(header)) {
      return [];
    }
    const length = Number.parseInt(header, 16);
    if (length < 4) {
      return commands;
    }
    if (offset + length > bytes.length) {
      return undefined;
    }
    const [line = ''] = bytes.toString('utf8', offset + 4, offset + length).split('\0');
    const match = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) (\S+)\n?$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined && match[3] !== undefined) {
      commands.push({ old: match[1], new: match[2], ref: match[3] });
    }
    offset += length;
  }
  return undefined;
}
