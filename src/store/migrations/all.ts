import type { Migration } from 'kysely/migration';
import { firstSchema } from './0001-first-schema.ts';
import { models } from './0002-models.ts';
import { reconcile } from './0003-reconcile.ts';
import { onTheForge } from './0004-on-the-forge.ts';
import { api } from './0005-api.ts';
import { notifications } from './0006-notifications.ts';
import { settledBodies } from './0007-settled-bodies.ts';
import { shownCommits } from './0008-shown-commits.ts';

/** Every migration by its name, in the order of the names. One that was released is never changed. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first-schema': firstSchema,
  '0002-models': models,
  '0003-reconcile': reconcile,
  '0004-on-the-forge': onTheForge,
  '0005-api': api,
  '0006-notifications': notifications,
  '0007-settled-bodies': settledBodies,
  '0008-shown-commits': shownCommits,
};
