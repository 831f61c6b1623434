import type { ForgeCredentials } from './host.ts';

/** Settings of git, as `git config` names them. */
export type GitSettings = Readonly<Record<string, string>>;

/**
 * Settings for the way to the forge. The token is sent to that repository only and never follows a redirect.
 * @param url the repository's address, without credentials
 */
export function forgeSettings(url: string, credentials: ForgeCredentials | undefined): GitSettings {
  const timeouts = { 'http.lowSpeedLimit': '1000', 'http.lowSpeedTime': '60' };
  if (credentials === undefined) return timeouts;
  const login = Buffer.from(`${credentials.login}:${credentials.token}`).toString('base64');
  return {
    ...timeouts,
    'http.followRedirects': 'false',
    [`http.${url}.extraHeader`]: `Authorization: Basic ${login}`,
  };
}

/** Settings as environment variables: the command line would show them to every user of the machine. */
export function gitEnvironment(settings: GitSettings): Record<string, string> {
  const entries = Object.entries(settings);
  return Object.fromEntries([
    ['GIT_CONFIG_COUNT', String(entries.length)],
    ...entries.flatMap(([key, value], index) => [
      [`GIT_CONFIG_KEY_${index}`, key],
      [`GIT_CONFIG_VALUE_${index}`, value],
    ]),
  ]) as Record<string, string>;
}
