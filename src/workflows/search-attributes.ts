import { defineSearchAttributeKey } from '@temporalio/common';

/** Search attributes of an issue's workflow: registered and verified before a worker polls. */
export const searchAttributes = {
  repository: defineSearchAttributeKey('Repository', 'KEYWORD'),
  issue: defineSearchAttributeKey('IssueNumber', 'INT'),
  pullRequest: defineSearchAttributeKey('PullRequest', 'INT'),
  agent: defineSearchAttributeKey('Agent', 'KEYWORD'),
  phase: defineSearchAttributeKey('Phase', 'KEYWORD'),
  host: defineSearchAttributeKey('Host', 'KEYWORD'),
  outcome: defineSearchAttributeKey('Outcome', 'KEYWORD'),
} as const;
