/** An issue that is worked on, and its first life, for tests of pure functions. */
export const issue = {
  repository: { forgeHost: 'forge', id: 7, owner: 'acme', name: 'widgets' },
  number: 1,
};

export const life = {
  number: 1,
  slug: 'acme-widgets-1-01234567',
  branch: 'bot-bottle/issue-1',
  agent: 'demo',
  bottle: 'default',
  backend: 'local',
  hostId: 'host',
  title: 'A task',
  url: 'http://forge/acme/widgets/issues/1',
} as const;
