import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CliSettings } from '../../../src/bottles/bot-bottle-cli/cli-state.ts';

export interface CliCall {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly pid: number;
}

/** The bot-bottle CLI as `cli.py` stands in for it, with a home of its own. */
export class StandInCli {
  readonly home: string;
  readonly settings: CliSettings;

  private constructor(directory: string) {
    this.home = join(directory, 'home');
    const programs = join(directory, 'programs');
    this.settings = { program: 'cli.py', path: `${programs}:/usr/bin:/bin`, home: this.home };
  }

  static async make(): Promise<StandInCli> {
    const directory = await mkdtemp(join(tmpdir(), 'bot-bottle-cli-'));
    const programs = join(directory, 'programs');
    await cp(import.meta.dirname, programs, { recursive: true });
    await symlink('engine', join(programs, 'docker'));
    await symlink('engine', join(programs, 'smolvm'));
    // Itself, not a script that looks for it and adds to its environment.
    const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)']);
    await symlink(python.toString().trim(), join(programs, 'python3'));
    const standIn = new StandInCli(directory);
    await mkdir(standIn.home);
    return standIn;
  }

  /** Has it behave so: see `setting` in its package. */
  async set(name: string, value: number): Promise<void> {
    await writeFile(join(this.home, name), String(value));
  }

  /** Of one bottle: those of its label, and of the slug that was made for it. */
  calls(label: string): CliCall[] {
    const slug = this.slugOf(label);
    return this.#lines('calls.ndjson')
      .map((line) => JSON.parse(line) as CliCall)
      .filter(({ argv }) => argv.includes(label) || (slug !== undefined && argv.includes(slug)));
  }

  /** The slug that was made for a label, also when it is destroyed. */
  slugOf(label: string): string | undefined {
    const start = this.#lines('slugs').find((line) => line.startsWith(`${label} `));
    return start?.split(' ')[1];
  }

  /** Whether the bottle of a label is `running` or `stopped`; undefined when it was taken down. */
  engineSays(label: string): string | undefined {
    return this.#lines(join('up', this.slugOf(label) ?? ''))[0];
  }

  get destroyed(): string[] {
    return this.#lines('destroyed');
  }

  /** What the real one would not have taken. */
  get violations(): string[] {
    return this.#lines('violations');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(join(this.home, '..'), { recursive: true, force: true });
  }

  #lines(name: string): string[] {
    const file = join(this.home, name);
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return text.split('\n').filter((line) => line !== '');
  }
}
