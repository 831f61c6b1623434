import { pino, type DestinationStream, type Logger } from 'pino';
import type { Settings } from './schema.ts';

/** Wherever they turn up: one level deep, where loggers put requests, options and errors' properties. */
const secretKeys = ['authorization', 'cookie', 'token', 'secret', 'password', 'apiKey'];

/**
 * The process's logger: JSON lines on stdout with the org on each, and no secret in any.
 * @param destination for tests
 */
export function createLogger(
  settings: { readonly level: Settings['logLevel']; readonly org: string },
  destination?: DestinationStream,
): Logger {
  const options = {
    level: settings.level,
    base: { org: settings.org },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: secretKeys.flatMap((key) => [key, `*.${key}`, `*.headers.${key}`]),
  };
  // What is written waits for nobody who reads it; at the process's end it is written out.
  return pino(options, destination ?? pino.destination({ dest: 1, sync: false }));
}
