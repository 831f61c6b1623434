import type { IncomingMessage } from 'node:http';

/** One ref that a push wants to move. Object names are hex; all zeros mean that the ref is not there. */
export interface PushCommand {
  readonly old: string;
  readonly new: string;
  readonly ref: string;
}

/** The beginning of a receive-pack request, and how to read on. */
export interface PushRequest {
  /** Empty for the probe that git sends ahead of a large push; undefined for what is not understood. */
  readonly commands: readonly PushCommand[] | undefined;
  /** The whole body, from its first byte. Read it once. */
  readonly body: AsyncIterable<Buffer>;
}

const maxHeadBytes = 64 * 1024;

/**
 * Reads the command list off a receive-pack request, for the op log: what may be pushed is decided by the hook, from
 * what git itself understood. A list that is longer than 64 KiB, compressed, or not of the form that git sends is not
 * understood: nothing that goes unlogged may go through.
 */
export async function readPushRequest(request: IncomingMessage): Promise<PushRequest> {
  const chunks = request.iterator({ destroyOnReturn: false });
  const head: Buffer[] = [];
  let commands: ReturnType<typeof parsePushCommands> =
    request.headers['content-encoding'] === undefined ? 'incomplete' : 'malformed';
  for (let size = 0; commands === 'incomplete' && size < maxHeadBytes;) {
    const { value, done } = (await chunks.next()) as IteratorResult<Buffer, undefined>;
    if (done === true) {
      break;
    }
    head.push(value);
    size += value.length;
    commands = parsePushCommands(Buffer.concat(head));
  }
  return {
    commands: typeof commands === 'string' ? undefined : commands,
    body: (async function* () {
      yield* head;
      yield* chunks as AsyncIterable<Buffer>;
    })(),
  };
}

/** The commands of a complete list, up to its flush packet. */
function parsePushCommands(bytes: Buffer): readonly PushCommand[] | 'incomplete' | 'malformed' {
  const commands: PushCommand[] = [];
  for (let offset = 0; offset + 4 <= bytes.length;) {
    const header = bytes.toString('latin1', offset, offset + 4);
    if (!/^[0-9a-f]{4}$/i.test(header)) {
      return 'malformed';
    }
    const length = Number.parseInt(header, 16);
    if (length < 4) {
      return length === 0 ? commands : 'malformed';
    }
    if (offset + length > bytes.length) {
      return 'incomplete';
    }
    const [line = ''] = bytes.toString('utf8', offset + 4, offset + length).split('\0');
    const match = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) (\S+)\n?$/i.exec(line);
    if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) {
      return 'malformed';
    }
    commands.push({ old: match[1], new: match[2], ref: match[3] });
    offset += length;
  }
  return 'incomplete';
}
