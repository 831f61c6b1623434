import * as z from 'zod/mini';
import { repositorySchema } from './schema.ts';

/** The fields of Gitea's answers that setting it up needs; all others are ignored. */

export const versionSchema = z.object({ version: z.string() });

export const accountSchema = z.object({
  login: z.string(),
  is_admin: z.boolean(),
  /** The beginning of time, 1970 or earlier, when there was none. */
  last_login: z.string(),
});

export const tokenSchema = z.object({ sha1: z.string() });

export const teamSchema = z.object({ id: z.number(), name: z.string() });
export const namedTeamsSchema = z.array(teamSchema);

const right = z.object({ admin: z.boolean(), push: z.boolean(), pull: z.boolean() });

export const repositoryWithRightsSchema = z.extend(repositorySchema, {
  permissions: z.nullish(right),
  empty: z.boolean(),
  has_issues: z.boolean(),
  has_pull_requests: z.boolean(),
});
export const namedRepositoriesSchema = z.array(
  z.object({ name: z.string(), owner: z.object({ login: z.string() }) }),
);

export const branchSchema = z.object({
  protected: z.boolean(),
  user_can_push: z.boolean(),
  user_can_merge: z.boolean(),
});

const labelSchema = z.object({
  id: z.number(),
  name: z.string(),
  color: z.string(),
  description: z.nullish(z.string()),
  exclusive: z.nullish(z.boolean()),
});
export const labelsSchema = z.array(labelSchema);

export const hookSchema = z.object({
  id: z.number(),
  active: z.boolean(),
  type: z.string(),
  /** `http_method` is told by nobody: it is POST unless somebody chose GET on the page. */
  config: z.object({ url: z.string(), content_type: z.string() }),
  events: z.array(z.string()),
  branch_filter: z.nullish(z.string()),
  authorization_header: z.nullish(z.string()),
});
export const hooksSchema = z.array(hookSchema);

export const numberedSchema = z.array(z.object({ number: z.number() }));

export type GiteaRepositoryWithRights = z.infer<typeof repositoryWithRightsSchema>;
export type GiteaHook = z.infer<typeof hookSchema>;
export type GiteaLabel = z.infer<typeof labelSchema>;
