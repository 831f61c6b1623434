import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bottlePaths, runPaths } from './directory.ts';
import { readLaunchFile } from './launch-file.ts';
import { listLivingRuns } from './run-state.ts';

/** Branches of one repository that bottles of this host may push to now. */
export async function livingBranches(
  dataDirectory: string,
  repositoryId: number,
): Promise<readonly string[]> {
  const slugs = await readdir(dirname(bottlePaths(dataDirectory, 'any').root)).catch(() => []);
  const branches = await Promise.all(
    slugs.map(async (slug) => {
      const { runs } = bottlePaths(dataDirectory, slug);
      const living = await listLivingRuns(runs);
      return living.flatMap((run) => {
        const { repository, branch } = readLaunchFile(runPaths(runs, run).launch).sandbox;
        return repository.id === repositoryId ? [branch] : [];
      });
    }),
  );
  return branches.flat();
}
