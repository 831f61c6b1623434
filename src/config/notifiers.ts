import type { NotifierSettings } from '../domain/notification.ts';
import { settings, type SettingName } from './schema.ts';
import { readSettings, type Sources } from './sources.ts';

/** Where notifications go. Notes problems. */
export function readNotifiers(sources: Sources): NotifierSettings {
  const values = readSettings(
    [
      'notifyWebhookUrl',
      'notifyWebhookSecret',
      'notifyWebhookEvents',
      'notifyNtfyUrl',
      'notifyNtfyToken',
      'notifyNtfyEvents',
    ],
    sources,
  );
  refuseAlone('notifyWebhookSecret', 'notifyWebhookUrl', values, sources);
  refuseAlone('notifyNtfyToken', 'notifyNtfyUrl', values, sources);
  return {
    webhook:
      values.notifyWebhookUrl === undefined
        ? undefined
        : {
            url: values.notifyWebhookUrl,
            secret: values.notifyWebhookSecret,
            events: values.notifyWebhookEvents ?? [],
          },
    ntfy:
      values.notifyNtfyUrl === undefined
        ? undefined
        : {
            url: values.notifyNtfyUrl,
            token: values.notifyNtfyToken,
            events: values.notifyNtfyEvents ?? [],
          },
  };
}

/** Who gives a secret wants it to be used: without an address it would be in silence that nothing is sent. */
function refuseAlone(
  secret: SettingName,
  address: SettingName,
  values: Partial<Record<SettingName, unknown>>,
  { problems, faulty }: Sources,
): void {
  if (values[secret] !== undefined && values[address] === undefined && !faulty.has(address)) {
    const { variable, form } = settings[address];
    problems.push(
      `${variable}: is missing, and ${settings[secret].variable} is given. Accepted: ${form}.`,
    );
  }
}
