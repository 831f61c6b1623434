/**
 * What the kernel refuses to everything in a bottle. Namespaces do not divide the keyrings: without this a bottle reads and
 * writes the keys of its user on the host. The others are of no use to an agent and have often been a way out.
 *
 * Numbers are the kernel's: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h (arm64), and
 * include/uapi/linux/{audit,filter,seccomp}.h.
 */
interface Architecture {
  /** `AUDIT_ARCH_*`: which table of system calls a number belongs to. */
  readonly audit: number;
  readonly refused: Readonly<Record<RefusedCall, number>>;
}

type RefusedCall = 'add_key' | 'request_key' | 'keyctl' | 'perf_event_open' | 'bpf' | 'userfaultfd';

const architectures: Readonly<Partial<Record<NodeJS.Architecture, Architecture>>> = {
  x64: {
    audit: 0xc000003e,
    refused: {
      add_key: 248,
      request_key: 249,
      keyctl: 250,
      perf_event_open: 298,
      bpf: 321,
      userfaultfd: 323,
    },
  },
  arm64: {
    audit: 0xc00000b7,
    refused: {
      add_key: 217,
      request_key: 218,
      keyctl: 219,
      perf_event_open: 241,
      bpf: 280,
      userfaultfd: 282,
    },
  },
};

/** The bit by which x86-64 tells the x32 table, whose keyctl is another number. arm64 has no numbers up there. */
const otherTable = 0x40000000;

/** Offsets in `struct seccomp_data`. */
const field = { number: 0, architecture: 4 } as const;

const opcode = { load: 0x20, jumpIfEqual: 0x15, jumpIfAtLeast: 0x35, return: 0x06 } as const;

const errno = { EPERM: 1, ENOSYS: 38 } as const;
const answer = {
  allow: 0x7fff0000,
  refuse: 0x00050000 | errno.EPERM,
  unknown: 0x00050000 | errno.ENOSYS,
} as const;

const instructionBytes = 8;

/**
 * The filter as bubblewrap's `--seccomp` reads it: an array of `struct sock_filter`.
 * @throws Error on a processor whose system calls are not known here
 */
export function seccompProgram(processor: NodeJS.Architecture = process.arch): Buffer {
  const architecture = architectures[processor];
  if (architecture === undefined) {
    throw new Error(`no filter of system calls is known for the processor ${processor}`);
  }
  return Buffer.concat([
    instruction(opcode.load, field.architecture),
    instruction(opcode.jumpIfEqual, architecture.audit, 1),
    instruction(opcode.return, answer.unknown),
    instruction(opcode.load, field.number),
    instruction(opcode.jumpIfAtLeast, otherTable, 0, 1),
    instruction(opcode.return, answer.unknown),
    ...Object.values(architecture.refused).flatMap((number) => [
      instruction(opcode.jumpIfEqual, number, 0, 1),
      instruction(opcode.return, answer.refuse),
    ]),
    instruction(opcode.return, answer.allow),
  ]);
}

/** @param then instructions to skip when a jump's condition holds @param otherwise and when it does not */
function instruction(code: number, value: number, then = 0, otherwise = 0): Buffer {
  const bytes = Buffer.alloc(instructionBytes);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(then, 2);
  bytes.writeUInt8(otherwise, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}
