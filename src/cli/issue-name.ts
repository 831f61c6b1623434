import { parseIssueName } from '../domain/ids.ts';
import { CliError, exitCodes } from './cli-error.ts';

/** An issue as a person names it on the command line. */
export interface IssueName {
  readonly owner: string;
  readonly repository: string;
  readonly number: number;
}

/**
 * Reads `owner/repo#number`, or an issue's web address.
 * @throws CliError (usage)
 */
export function readIssueName(text: string): IssueName {
  const name = parseIssueName(text) ?? parseIssueName(nameInAddress(text));
  if (name === undefined) {
    throw new CliError(
      exitCodes.usage,
      `${JSON.stringify(text)} names no issue. Write owner/repo#number (in quotes if your shell wants them), or the issue's address.`,
    );
  }
  return { owner: name.owner, repository: name.name, number: name.number };
}

/** `https://forge/any/where/owner/repo/issues/3#comment` → `owner/repo#3` */
function nameInAddress(text: string): string {
  const path = /^https?:$/.test(URL.parse(text)?.protocol ?? '') ? new URL(text).pathname : '';
  const match = /([^/]+)\/([^/]+)\/issues\/(\d+)\/?$/.exec(path);
  return match === null ? '' : `${match[1]}/${match[2]}#${match[3]}`;
}
