import { CliError, exitCodes } from './cli-error.ts';

/** What helps where an address cannot be listened on; any other error as it is. */
export function explainListenError(error: unknown): unknown {
  if (!isListenError(error)) {
    return error;
  }
  const { code, address, port } = error;
  const what =
    whatHelps.get(code) ?? 'Choose others with FORGE_WEBHOOK_HOST and FORGE_WEBHOOK_PORT';
  return new CliError(
    exitCodes.error,
    `The orchestrator cannot listen on ${address}, port ${port} (${code}). ${what}.`,
  );
}

const whatHelps = new Map([
  [
    'EADDRINUSE',
    'Another program does, perhaps another orchestrator: end that, or choose another port with FORGE_WEBHOOK_PORT',
  ],
  ['EACCES', 'This user may not: choose a port above 1023 with FORGE_WEBHOOK_PORT'],
  ['EADDRNOTAVAIL', 'This machine has no such address: correct FORGE_WEBHOOK_HOST'],
]);

interface ListenError {
  readonly code: string;
  readonly address: string;
  readonly port: number;
}

function isListenError(error: unknown): error is ListenError {
  return (
    error instanceof Error && 'syscall' in error && error.syscall === 'listen' && 'port' in error
  );
}
