/** Brings everything that `npm test` needs beyond the npm packages; run by `temporal-dev.sh test`. */
import { agentCliNames, ensureAgentCli } from './agent-clis.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import { ensureDockerCompose } from './docker-compose.ts';
import { provideDockerEngine } from './docker-engine.ts';
import { ensureDockerImage } from './docker-image.ts';
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
  await ensureDocker();
} catch (error) {
  report(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

/** The tests of Docker bottles are left out where an ordinary user has no Engine. */
async function ensureDocker(): Promise<void> {
  try {
    await using engine = await provideDockerEngine(report);
    await ensureDockerImage(engine.host, report);
    await ensureDockerCompose(report);
  } catch (error) {
    if (process.getuid?.() === 0) throw error;
    report(`${String(error)} The tests of Docker bottles are left out.`);
  }
}
