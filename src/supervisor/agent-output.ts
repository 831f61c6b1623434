import type { AgentFacts, OutputReader } from '../agents/output-reader.ts';
import { createOutputReader } from '../agents/output-readers.ts';
import type { ProviderName } from '../domain/agent.ts';
import type { OutputLog } from '../journal/output-log.ts';

/** What an agent prints, on its way to the log. Where its program is known it is read for its facts, and made readable. */
export class AgentOutput {
  readonly #log: OutputLog;
  readonly #onSession: (id: string) => void;
  #reader: OutputReader | undefined;
  #session: string | undefined;

  /** @param onSession called once for each conversation that the program names */
  constructor(log: OutputLog, onSession: (id: string) => void) {
    this.#log = log;
    this.#onSession = onSession;
  }

  /** Call it before the program starts. */
  expect(provider: ProviderName): void {
    this.#reader = createOutputReader(provider);
  }

  stdout(chunk: Buffer): void {
    this.#write(this.#reader === undefined ? chunk : this.#reader.write(chunk));
    const session = this.#reader?.facts.session;
    if (session === undefined || session === this.#session) return;
    this.#session = session;
    this.#onSession(session);
  }

  stderr(chunk: Buffer): void {
    this.#log.write(chunk);
  }

  /** Call it when all has been read. */
  close(): AgentFacts {
    if (this.#reader !== undefined) this.#write(this.#reader.end());
    this.#log.close();
    return this.#reader?.facts ?? {};
  }

  #write(text: Buffer | string): void {
    if (text.length > 0) this.#log.write(typeof text === 'string' ? Buffer.from(text) : text);
  }
}
