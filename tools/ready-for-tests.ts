/** Brings everything that `npm test` needs beyond the npm packages; run by `temporal-dev.sh test`. */
import { agentCliNames, ensureAgentCli } from './agent-clis.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import { ensureGitea } from './gitea.ts';
import { ensureTemporal } from './temporal.ts';

const report = (line: string): void => void process.stderr.write(`${line}\n`);

try {
  await ensureDebianPackages(report);
  await ensureTemporal(report);
  await ensureGitea(report);
  for (const name of agentCliNames) {
    await ensureAgentCli(name, report);
  }
} catch (error) {
  report(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
