import type { NotifierSettings } from '../domain/notification.ts';
import type { Notifier } from './notifier.ts';
import { createNtfyNotifier } from './ntfy.ts';
import { createWebhookNotifier } from './webhook.ts';

/** The ways that notifications go. None is there unless somebody has set it. */
export function createNotifiers({ webhook, ntfy }: NotifierSettings): readonly Notifier[] {
  return [
    ...(webhook === undefined ? [] : [createWebhookNotifier(webhook)]),
    ...(ntfy === undefined ? [] : [createNtfyNotifier(ntfy)]),
  ];
}
