import * as z from 'zod/mini';

/**
 * The fields of Gitea's answers and payloads that are used; all others are ignored. `zod/mini`, because this is part of
 * the supervisor, where the whole of zod costs 12 MiB per running bottle.
 */

/** Null or absent where Gitea has nothing to say. */
const text = z.pipe(
  z.nullish(z.string()),
  z.transform((value) => value ?? ''),
);

/** Seconds in some time zone, as epoch milliseconds. */
export const timeSchema = z.pipe(
  z.iso.datetime({ offset: true }),
  z.transform((text) => Date.parse(text)),
);

const user = z.object({ login: z.string() });
/** Null for an account that is gone. */
const author = z.nullish(user);

export const userSchema = user;
export const usersSchema = z.array(user);

export const organizationSchema = z.object({ id: z.number() });

export const repositorySchema = z.object({
  id: z.number(),
  name: z.string(),
  owner: user,
  html_url: z.string(),
  clone_url: z.string(),
  default_branch: z.string(),
  archived: z.boolean(),
});

export const accessibleRepositoriesSchema = z.array(
  z.extend(repositorySchema, { permissions: z.object({ push: z.boolean() }) }),
);

export const issueSchema = z.object({
  number: z.number(),
  title: z.string(),
  body: text,
  state: z.enum(['open', 'closed']),
  html_url: z.string(),
  user: author,
  labels: z.nullish(z.array(z.object({ name: z.string() }))),
  assignees: z.nullish(usersSchema),
  /** Set when the number is a pull request's. */
  pull_request: z.nullish(z.object({})),
  repository: z.object({ id: z.number() }),
});

/** An issue or a pull request, from a listing that may span repositories. */
export const itemsSchema = z.array(
  z.extend(issueSchema, {
    created_at: timeSchema,
    updated_at: timeSchema,
    repository: z.object({ id: z.number(), name: z.string(), owner: z.string() }),
  }),
);

export const pullRequestHeadSchema = z.object({
  /** The branch's name; empty for a PR made by a push to `refs/for/…`, which has none. */
  label: text,
  /** `refs/pull/<n>/head` once the branch is gone. */
  ref: z.string(),
  /** -1 when the repository is gone. */
  repo_id: z.number(),
});

export const commitStatusSchema = z.object({
  context: z.string(),
  status: z.string(),
  description: text,
  target_url: text,
});
/** The newest of each context. */
export const combinedStatusSchema = z.object({
  statuses: z.nullish(z.array(commitStatusSchema)),
});

export const labelSchema = z.object({ id: z.number(), name: z.string() });
export const labelsSchema = z.array(labelSchema);

export const pullRequestSchema = z.object({
  number: z.number(),
  title: z.string(),
  body: text,
  state: z.enum(['open', 'closed']),
  merged: z.boolean(),
  html_url: z.string(),
  user: author,
  head: z.extend(pullRequestHeadSchema, { sha: z.string() }),
  base: z.object({ ref: z.string(), repo_id: z.number() }),
});
export const pullRequestsSchema = z.array(pullRequestSchema);

export const comparisonSchema = z.object({ total_commits: z.number() });

export const commentSchema = z.object({
  id: z.number(),
  body: text,
  user: author,
  created_at: z.string(),
  updated_at: z.string(),
  html_url: z.string(),
});
export const commentsSchema = z.array(commentSchema);

export const reactionSchema = z.object({ content: z.string() });

export const reviewsSchema = z.array(
  z.object({
    id: z.number(),
    body: text,
    user: author,
    /** `APPROVED`, `REQUEST_CHANGES`, `COMMENT`; `PENDING` and `REQUEST_REVIEW` were not submitted. */
    state: z.string(),
    comments_count: z.number(),
    submitted_at: z.string(),
    html_url: z.string(),
  }),
);

export const inlineCommentsSchema = z.array(
  z.extend(commentSchema, {
    path: z.string(),
    /** Line in the new file, or 0. */
    position: z.number(),
    /** Line in the old file, or 0: the comment is on a line that was taken away. */
    original_position: z.number(),
  }),
);

const entrySchema = z.object({
  name: z.string(),
  type: z.enum(['file', 'dir', 'symlink', 'submodule']),
  size: z.number(),
});
/** Of a directory; an object when the path is something else. */
export const directorySchema = z.union([z.array(entrySchema), z.transform(() => [])]);

/** An array when the path is a directory, which has none of this. */
export const fileSchema = z.union([
  z.extend(entrySchema, {
    encoding: z.nullish(z.string()),
    /** Absent for what is no file, and for one that is larger than Gitea shows. */
    content: z.nullish(z.string()),
  }),
  z.pipe(
    z.array(z.unknown()),
    z.transform(() => undefined),
  ),
]);

export const permissionSchema = z.object({ permission: z.string() });

export const teamsSchema = z.array(
  z.object({ permission: z.string(), units_map: z.nullish(z.record(z.string(), z.string())) }),
);

export type GiteaUser = z.infer<typeof author>;
export type GiteaRepository = z.infer<typeof repositorySchema>;
export type GiteaIssue = z.infer<typeof issueSchema>;
export type GiteaItem = z.infer<typeof itemsSchema>[number];
export type GiteaPullRequest = z.infer<typeof pullRequestSchema>;
export type GiteaPullRequestHead = z.infer<typeof pullRequestHeadSchema>;
export type GiteaComment = z.infer<typeof commentSchema>;
export type GiteaReview = z.infer<typeof reviewsSchema>[number];
export type GiteaDirectoryEntry = z.infer<typeof entrySchema>;
export type GiteaInlineComment = z.infer<typeof inlineCommentsSchema>[number];

/** `label` with body `1` when it was put on, without when it was taken off. Null, not empty, when nothing happened. */
export const timelineSchema = z.pipe(
  z.nullish(
    z.array(
      z.object({
        type: z.string(),
        user: author,
        body: text,
        created_at: timeSchema,
        label: z.nullish(z.object({ name: z.string() })),
      }),
    ),
  ),
  z.transform((entries) => entries ?? []),
);
