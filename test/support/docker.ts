import { type DockerEngine, provideDockerEngine } from '../../tools/docker-engine.ts';
import { ensureDockerImage } from '../../tools/docker-image.ts';

export interface DockerStage extends AsyncDisposable {
  readonly engine: DockerEngine;
  /** A small Debian with git. */
  readonly image: string;
}

/** An Engine with the image for tests; undefined for an ordinary user who has none, whose tests are left out. */
export async function dockerStage(): Promise<DockerStage | undefined> {
  const report = (line: string): void => void process.stderr.write(`${line}\n`);
  let engine;
  try {
    engine = await provideDockerEngine(report);
    const image = await ensureDockerImage(engine.host, report);
    return { engine, image, [Symbol.asyncDispose]: engine[Symbol.asyncDispose] };
  } catch (error) {
    await engine?.[Symbol.asyncDispose]();
    if (process.getuid?.() === 0) throw error;
    report(String(error));
    return undefined;
  }
}
