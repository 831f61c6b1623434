/** The program without the parts that `main` adds: what the tests of the command line start. */
import { buildProgram } from '../../src/cli/program.ts';
import { runProgram } from '../../src/cli/run-program.ts';

const program = buildProgram({
  version: '1.2.3',
  run: async (options) => {
    process.stdout.write(`${JSON.stringify(options)}\n`);
  },
});
process.exitCode = await runProgram(program, process.argv);
