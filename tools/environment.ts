import { homedir } from 'node:os';
import { join } from 'node:path';

/** One line of progress for a person; nothing depends on its wording. */
export type Report = (line: string) => void;

/** What the machine says about where programs are found, kept and downloaded from. */
export interface ToolEnvironment {
  /** Folders that are searched for programs, as in PATH. */
  readonly path: string;
  /** Holds one folder per tool and version, outside the checkout so that every clone shares it. */
  readonly cacheDirectory: string;
  readonly temporalDownloadUrl: string;
  readonly giteaDownloadUrl: string;
  /** The whole environment, for builds (Go's own settings, proxies, HOME). */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** The only reader of `process.env` in `tools/`. An empty variable counts as not set. */
export function readToolEnvironment(
  variables: Readonly<Record<string, string | undefined>> = process.env,
): ToolEnvironment {
  return {
    path: variables['PATH'] || '/usr/local/bin:/usr/bin:/bin',
    cacheDirectory: join(
      variables['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
      'bot-bottle',
      'tools',
    ),
    temporalDownloadUrl:
      variables['TEMPORAL_DOWNLOAD_URL'] || 'https://github.com/temporalio/cli/releases/download',
    giteaDownloadUrl: variables['GITEA_DOWNLOAD_URL'] || 'https://dl.gitea.com/gitea',
    variables,
  };
}
