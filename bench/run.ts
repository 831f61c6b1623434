import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { formatTable } from '../src/cli/table.ts';
import { Bench } from './bench.ts';
import { measureDocker } from './docker.ts';
import { type Figure, formatFigure, isMet, round } from './figure.ts';
import { measureGateway } from './gateway.ts';
import { measureHistory } from './history.ts';
import { measureIngest } from './ingest.ts';
import { measureLaunch } from './launch.ts';
import { measureReattach } from './reattach.ts';
import { measureStart } from './start.ts';
import { measureSupervisor } from './supervisor.ts';

type Measure = (bench: Bench) => Promise<Figure[]>;

const benchmarks: ReadonlyMap<string, Measure> = new Map([
  ['ingest', measureIngest],
  ['start', measureStart],
  ['launch', measureLaunch],
  ['history', measureHistory],
  ['supervisor', measureSupervisor],
  ['gateway', measureGateway],
  ['reattach', measureReattach],
  ['docker', measureDocker],
]);

const help = `Usage: npm run bench -- [--only NAME,…]

Measures the product and prints one line of JSON per figure, then a table. Exits with 1 when a figure misses its limit or
cannot be measured. bench/README.md says what each figure means.

  --only NAME,…  measure only these of ${[...benchmarks.keys()].join(', ')}
  --help         say this
`;

/** For what was under way when it was interrupted, once all that was started has ended. */
const patienceMs = 10_000;

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort());
}
const say = (text: string): void => void process.stderr.write(text);

process.exit(await main());

/** @returns the exit code */
async function main(): Promise<number> {
  let asked: { only?: string; help?: boolean };
  try {
    asked = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean' } } }).values;
  } catch (error) {
    say(`${(error as Error).message}\n\n${help}`);
    return 2;
  }
  if (asked.help === true) {
    process.stdout.write(help);
    return 0;
  }
  const names = asked.only?.split(',') ?? [...benchmarks.keys()];
  const figures: Figure[] = [];
  let failed = false;
  for (const name of names) {
    const benchmark = benchmarks.get(name);
    if (benchmark === undefined) {
      say(`there is no figure ${name}\n\n${help}`);
      return 2;
    }
    say(`measuring ${name} …\n`);
    try {
      for (const figure of await measured(benchmark)) {
        process.stdout.write(`${formatFigure(figure)}\n`);
        figures.push(figure);
      }
    } catch (error) {
      if (interrupted.signal.aborted) {
        say('interrupted\n');
        return 130;
      }
      say(`${name} cannot be measured: ${error instanceof Error ? error.stack : String(error)}\n`);
      failed = true;
    }
  }
  say(`\n${table(figures)}\n`);
  return failed || !figures.every(isMet) ? 1 : 0;
}

async function measured(measure: Measure): Promise<Figure[]> {
  const { signal } = interrupted;
  const bench = new Bench(signal);
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  const measuring = measure(bench);
  try {
    signal.throwIfAborted();
    return await Promise.race([measuring, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await bench[Symbol.asyncDispose]();
    await Promise.race([measuring.catch(() => []), delay(patienceMs)]);
  }
}

function table(figures: readonly Figure[]): string {
  return formatTable(
    [
      { header: 'FIGURE', text: ({ figure }) => figure },
      { header: 'VALUE', text: ({ value, unit }) => `${round(value)} ${unit}` },
      { header: 'LIMIT', text: ({ limit, at }) => `at ${at} ${limit}` },
      { header: '', text: (figure) => (isMet(figure) ? 'met' : 'MISSED') },
    ],
    figures,
    undefined,
  );
}
