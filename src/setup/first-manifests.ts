import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writePrivate } from './settings-file.ts';

/** The demo's own agent, which is in every bottle: good for a first issue. */
export const firstAgent = 'demo';
const firstBottle = 'small';

const bottle = `---
memory: 1g
pids: 256
---
`;
const agent = `---
provider: script
bottle: ${firstBottle}
command: ["node", "/opt/bottle/demo-agent.mjs"]
---
`;

/** The names of the agents whose manifests lie in the data directory, in order. */
export async function listAgents(dataDirectory: string): Promise<string[]> {
  return (await manifestNames(join(dataDirectory, 'agents'))).toSorted();
}

/** Makes the first agent, and its bottle unless there is one of that name. */
export async function writeFirstManifests(dataDirectory: string): Promise<void> {
  const bottles = join(dataDirectory, 'bottles');
  if (!(await manifestNames(bottles)).includes(firstBottle)) {
    await writePrivate(join(bottles, `${firstBottle}.md`), bottle);
  }
  await writePrivate(join(dataDirectory, 'agents', `${firstAgent}.md`), agent);
}

async function manifestNames(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names.filter((name) => name.endsWith('.md')).map((name) => name.slice(0, -3));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw error;
  }
}
