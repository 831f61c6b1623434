import { Argument } from 'commander';
import { parseIssueName } from '../domain/ids.ts';
import type { ApiClient } from './api-client.ts';
import { CliError, exitCodes } from './cli-error.ts';

/** An issue as the API knows it. */
export interface IssueName {
  readonly owner: string;
  readonly repository: string;
  readonly number: number;
}

/** An issue as a person names it on the command line; a number alone is enough where only one issue has it. */
export type IssueWord = IssueName | number;

/** The argument `<issue>`; the action gets an `IssueWord`. */
export function issueArgument(): Argument {
  return new Argument(
    '<issue>',
    'owner/repo#number, its address, or the number alone if no other repository has it',
  ).argParser(readIssueWord);
}

/** @throws CliError (usage) */
export function readIssueWord(text: string): IssueWord {
  const number = /^#?([1-9]\d{0,8})$/.exec(text)?.[1];
  return number === undefined ? readIssueName(text) : Number(number);
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

/** @throws CliError when a number alone is that of no known issue (not found), or of several (usage) */
export async function findIssue(word: IssueWord, client: ApiClient): Promise<IssueName> {
  if (typeof word !== 'number') {
    return word;
  }
  const { issues } = await client.issues();
  const [found, ...others] = issues.filter(({ number }) => number === word);
  if (found === undefined) {
    throw new CliError(
      exitCodes.notFound,
      `The orchestrator knows no issue with the number ${word}. \`orchestrator status --all\` lists those that it knows.`,
    );
  }
  if (others.length > 0) {
    const names = [found, ...others].map(({ name }) => name).join(', ');
    throw new CliError(exitCodes.usage, `${word} is the number of several issues: ${names}.`);
  }
  return found;
}

export function formatIssueName({ owner, repository, number }: IssueName): string {
  return `${owner}/${repository}#${number}`;
}

/** `https://forge/any/where/owner/repo/issues/3#comment` → `owner/repo#3` */
function nameInAddress(text: string): string {
  const path = /^https?:$/.test(URL.parse(text)?.protocol ?? '') ? new URL(text).pathname : '';
  const match = /([^/]+)\/([^/]+)\/issues\/(\d+)\/?$/.exec(path);
  return match === null ? '' : `${match[1]}/${match[2]}#${match[3]}`;
}
