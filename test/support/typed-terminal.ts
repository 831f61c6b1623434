import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import xterm from '@xterm/headless';
import { until } from './until.ts';

const columns = 132;
const rows = 40;

/** A shell on a real pseudo-terminal, and the screen that a person sees. */
export class TypedTerminal implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #screen: InstanceType<typeof xterm.Terminal>;

  constructor(environment: Readonly<Record<string, string>>, cwd: string) {
    this.#screen = new xterm.Terminal({
      cols: columns,
      rows,
      scrollback: 10_000,
      allowProposedApi: true,
    });
    const shell = `stty cols ${columns} rows ${rows}; PS1='$ ' exec bash --norc --noprofile`;
    this.#child = spawn('script', ['--quiet', '--return', '--command', shell, '/dev/null'], {
      env: { TERM: 'xterm', LANG: 'C.UTF-8', ...environment },
      cwd,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#screen.write(chunk));
  }

  /** As on a keyboard: `\r` is Enter. */
  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Waits until `shown` is on the screen below all that was there at the last call, and then types. */
  async answer(shown: string, keys: string, timeoutMs?: number): Promise<void> {
    await this.shows(shown, timeoutMs);
    this.type(keys);
  }

  #seen = 0;

  /** Waits until the shell asks for the next command. */
  async asks(timeoutMs?: number): Promise<void> {
    await until('the prompt', () => /(^|\n)\$$/.test(this.text()), timeoutMs);
    this.#seen = this.text().length;
  }

  async shows(text: string, timeoutMs = 30_000): Promise<void> {
    try {
      await until(
        `"${text}" on the screen`,
        () => {
          const at = this.text().indexOf(text, this.#seen);
          if (at === -1) return false;
          this.#seen = at + text.length;
          return true;
        },
        timeoutMs,
      );
    } catch (error) {
      throw new Error(`${String(error)}; it shows:\n${this.text()}`, { cause: error });
    }
  }

  /** All that is and was on the screen, as lines without trailing space. */
  text(): string {
    const { active } = this.#screen.buffer;
    const lines: string[] = [];
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row);
      const text = line?.translateToString(true) ?? '';
      if (line?.isWrapped) lines.push((lines.pop() ?? '') + text);
      else lines.push(text);
    }
    return lines.join('\n').trimEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      // The shell and what it runs lose their terminal, and end.
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
    this.#screen.dispose();
  }
}
