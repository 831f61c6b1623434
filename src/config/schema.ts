import { z } from 'zod';
import { durationForm, parseDuration } from '../domain/duration.ts';
import { leastFreeForm, parseLeastFree } from '../domain/free-space.ts';
import { type NotificationEvent, notificationEvents } from '../domain/notification.ts';

/** One setting: everything the loader, its error messages and the reference need to know. */
export interface Setting {
  /**
   * Name of the environment variable. The key in `orchestrator.toml` is the same in lower case, without
   * `orchestrator_`. A secret may be given as a file instead: `<NAME>_FILE`.
   */
  readonly variable: string;
  readonly description: string;
  /** The accepted form, as a phrase. */
  readonly form: string;
  /** As a user would write it; without one the setting may be absent. */
  readonly default?: string;
  /** Never in an error message, and in the file only as the name of another file. */
  readonly secret?: true;
  /** From the text as written to the value; its messages say what is wrong with the text. */
  readonly schema: z.ZodType<unknown, string>;
}

const yearMs = 365 * 86_400_000;

function duration(minimumMs: number) {
  return z.string().transform((text, context) => {
    const ms = parseDuration(text);
    if (ms === undefined) {
      context.addIssue('is not a duration');
      return z.NEVER;
    }
    if (ms < minimumMs || ms > yearMs) {
      context.addIssue(ms < minimumMs ? 'is too short' : 'is longer than a year');
      return z.NEVER;
    }
    return ms;
  });
}

function wholeNumber(minimum: number, maximum: number) {
  return z
    .string()
    .refine(
      (text) => /^\d{1,9}$/.test(text) && Number(text) >= minimum && Number(text) <= maximum,
      {
        error: `is not a whole number from ${minimum} to ${maximum}`,
      },
    )
    .transform(Number);
}

/** An http or https address without credentials, query or fragment; given without a slash at its end. */
export function webAddress(path?: { readonly end: string; readonly problem: string }) {
  return z.string().transform((text, context) => {
    const url = URL.parse(text);
    const problem =
      url === null || !/^https?:$/.test(url.protocol)
        ? 'is not an http:// or https:// address'
        : url.username !== '' || url.password !== ''
          ? 'holds a user name or password'
          : url.search !== '' || url.hash !== ''
            ? 'holds a query or a fragment'
            : path !== undefined && !url.pathname.replace(/\/+$/, '').endsWith(path.end)
              ? path.problem
              : undefined;
    if (url === null || problem !== undefined) {
      context.addIssue(problem ?? '');
      return z.NEVER;
    }
    return url.href.replace(/\/+$/, '');
  });
}

/** An http or https address that may hold a secret in its path or query. @param isTopic its path has to name something */
function notifierAddress({ isTopic }: { readonly isTopic: boolean }) {
  return z.string().transform((text, context) => {
    const url = URL.parse(text);
    const problem =
      url === null || !/^https?:$/.test(url.protocol)
        ? 'is not an http:// or https:// address'
        : url.username !== '' || url.password !== ''
          ? 'holds a user name or password'
          : isTopic && url.pathname === '/'
            ? 'names no topic'
            : undefined;
    if (url === null || problem !== undefined) {
      context.addIssue(problem ?? '');
      return z.NEVER;
    }
    return url.href;
  });
}

const eventNames = z.string().transform((text, context): readonly NotificationEvent[] => {
  const names = text.split(',').flatMap((name) => name.trim() || []);
  const known = notificationEvents.filter((event) => names.includes(event));
  const wrong = names.find((name) => !known.some((event) => event === name));
  if (wrong !== undefined) {
    context.addIssue(`holds ${JSON.stringify(wrong)}, which is no event`);
    return z.NEVER;
  }
  return known;
});

/** Everything that asks for a person; what asks for a review only may come often. */
const usualEvents = notificationEvents.filter((event) => event !== 'pull-request').join(',');

const eventNamesForm = `names of events with commas between them: ${notificationEvents.join(', ')}`;

const trueOrFalse = z
  .enum(['true', 'false', '1', '0'], { error: 'is neither true nor false' })
  .transform((text) => text === 'true' || text === '1');

const secretText = z
  .string()
  .min(1, { error: 'is empty' })
  .refine((text) => !/\p{Cc}/u.test(text), {
    error: 'holds a control character (a line break, say)',
  });

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

/** What a header can carry. */
export const httpToken = secretText.refine((text) => /^[\x21-\x7e]+$/.test(text), {
  error: 'holds characters that no token has',
});

/** All settings, in the order of the reference. */
export const settings = {
  forgeApi: {
    variable: 'FORGE_GITEA_API',
    description: "Address of Gitea's API.",
    form: 'an http(s) address that ends in /api/v1, such as https://gitea.example.com/api/v1',
    schema: webAddress({ end: '/api/v1', problem: 'does not end in /api/v1' }),
  },
  forgeToken: {
    variable: 'FORGE_TOKEN',
    description:
      "Access token of the orchestrator's account on the forge. It stays with the orchestrator; no bottle sees it.",
    form: 'the token as the forge shows it',
    secret: true,
    schema: httpToken,
  },
  setupToken: {
    variable: 'FORGE_SETUP_TOKEN',
    description:
      'Access token of a person, for `init`, `webhook` and `doctor` alone: it may change what the other may not. Nothing keeps it.',
    form: 'the token as the forge shows it',
    secret: true,
    schema: httpToken,
  },
  forgeOrg: {
    variable: 'FORGE_ORG',
    description: 'An issue is a target when one of its assignees is a member of this org.',
    form: 'the name of an org: letters, digits, dots, dashes, underscores',
    default: 'bot-bottle',
    schema: z.string().regex(/^[A-Za-z0-9][\w.-]{0,99}$/, { error: 'is not the name of an org' }),
  },
  webhookSecret: {
    variable: 'FORGE_WEBHOOK_SECRET',
    description: 'Secret with which the forge signs its deliveries.',
    form: 'any text on one line, the same as in the webhook on the forge',
    secret: true,
    schema: secretText,
  },
  insecureWebhooks: {
    variable: 'ORCHESTRATOR_INSECURE_WEBHOOKS',
    description:
      'Accept unsigned deliveries, on a loopback address: whoever reaches the port can start agents. For experiments only.',
    form: 'true or false',
    default: 'false',
    schema: trueOrFalse,
  },
  host: {
    variable: 'FORGE_WEBHOOK_HOST',
    description: 'Address on which webhooks and the API are served.',
    form: 'a host name or an IP address of this machine; 0.0.0.0 and :: for all of them',
    default: '127.0.0.1',
    schema: z
      .string()
      .regex(/^[A-Za-z0-9.:_-]+$/, { error: 'is not a host name or an IP address' }),
  },
  port: {
    variable: 'FORGE_WEBHOOK_PORT',
    description: 'Port on which webhooks and the API are served.',
    form: 'a whole number from 1 to 65535',
    default: '8477',
    schema: wholeNumber(1, 65535),
  },
  publicUrl: {
    variable: 'ORCHESTRATOR_PUBLIC_URL',
    description:
      'Where the forge reaches the orchestrator from outside; `dev` prints the webhook with it.',
    form: 'an http(s) address, such as https://orchestrator.example.com',
    schema: webAddress(),
  },
  allowedHosts: {
    variable: 'ORCHESTRATOR_ALLOWED_HOSTS',
    description:
      'Further host names under which the API may be asked, besides localhost, addresses and that of ORCHESTRATOR_PUBLIC_URL.',
    form: 'host names with commas between them, such as builder.lan,orchestrator',
    schema: z.string().transform((text, context) => {
      const names = text.split(',').flatMap((name) => name.trim() || []);
      const wrong = names.find((name) => !/^[A-Za-z0-9._-]+$/.test(name));
      if (wrong !== undefined) {
        context.addIssue(`holds ${JSON.stringify(wrong)}, which is no host name`);
        return z.NEVER;
      }
      return names;
    }),
  },
  maxBottles: {
    variable: 'MAX_BOTTLES',
    description: 'How many bottles run at once on this host; further issues wait as queued.',
    form: 'a whole number from 1 to 1000',
    default: '2',
    schema: wholeNumber(1, 1000),
  },
  approval: {
    variable: 'ORCHESTRATOR_APPROVAL',
    description:
      'Whether each life of an issue waits for `/bottle approve` by somebody who may write to the repository.',
    form: 'required or off',
    default: 'off',
    schema: z.enum(['required', 'off'], { error: 'is neither required nor off' }),
  },
  stateLabels: {
    variable: 'ORCHESTRATOR_STATE_LABELS',
    description:
      'Whether a label `bottle/running`, `bottle/frozen` and so on shows on the forge where an issue is.',
    form: 'true or false',
    default: 'false',
    schema: trueOrFalse,
  },
  watchdogTimeoutMs: {
    variable: 'FORGE_WATCHDOG_TIMEOUT',
    description: 'Silence of an agent after which its bottle is frozen.',
    form: durationForm,
    default: '1800',
    schema: duration(1000),
  },
  runDeadlineMs: {
    variable: 'RUN_DEADLINE',
    description: 'Longest run, however lively, counted from its start.',
    form: durationForm,
    default: '4h',
    schema: duration(1000),
  },
  commentDebounceMs: {
    variable: 'COMMENT_DEBOUNCE',
    description: 'How long the first comment waits for others, so that one run reads them all.',
    form: durationForm,
    default: '10s',
    schema: duration(0),
  },
  reconcileIntervalMs: {
    variable: 'RECONCILE_INTERVAL',
    description: 'How often the forge is asked for what no webhook told of.',
    form: durationForm,
    default: '2m',
    schema: duration(1000),
  },
  anthropicApiKey: {
    variable: 'ANTHROPIC_API_KEY',
    description: 'Key of the route `anthropic`. It stays with the orchestrator; no bottle sees it.',
    form: 'the key as Anthropic shows it',
    secret: true,
    schema: httpToken,
  },
  claudeCodeOauthToken: {
    variable: 'CLAUDE_CODE_OAUTH_TOKEN',
    description:
      "Token of a person's subscription, as `claude setup-token` makes it; in place of ANTHROPIC_API_KEY.",
    form: 'the token that `claude setup-token` shows',
    secret: true,
    schema: httpToken,
  },
  anthropicBaseUrl: {
    variable: 'ANTHROPIC_BASE_URL',
    description: "Where the route `anthropic` leads, if not to Anthropic's own API.",
    form: 'an http(s) address below which there is /v1/messages',
    schema: webAddress(),
  },
  openaiApiKey: {
    variable: 'OPENAI_API_KEY',
    description: 'Key of the route `openai`. It stays with the orchestrator; no bottle sees it.',
    form: 'the key as OpenAI shows it',
    secret: true,
    schema: httpToken,
  },
  openaiBaseUrl: {
    variable: 'OPENAI_BASE_URL',
    description: "Where the route `openai` leads, if not to OpenAI's own API.",
    form: 'an http(s) address below which there is /responses, such as https://llm.example.com/v1',
    schema: webAddress(),
  },
  notifyWebhookUrl: {
    variable: 'ORCHESTRATOR_NOTIFY_WEBHOOK_URL',
    description:
      'Where notifications are posted as JSON. Treated as a secret: often nothing more is needed to post there.',
    form: 'an http(s) address without a user name',
    secret: true,
    schema: notifierAddress({ isTopic: false }),
  },
  notifyWebhookSecret: {
    variable: 'ORCHESTRATOR_NOTIFY_WEBHOOK_SECRET',
    description:
      'Secret with which these posts are signed, as Standard Webhooks are; without it they are not.',
    form: 'whsec_ and base64, or any text on one line',
    secret: true,
    schema: secretText.refine((text) => !text.startsWith('whsec_') || isBase64(text.slice(6)), {
      error: 'is not base64 behind whsec_',
    }),
  },
  notifyWebhookEvents: {
    variable: 'ORCHESTRATOR_NOTIFY_WEBHOOK_EVENTS',
    description: 'What is posted there.',
    form: eventNamesForm,
    default: usualEvents,
    schema: eventNames,
  },
  notifyNtfyUrl: {
    variable: 'ORCHESTRATOR_NOTIFY_NTFY_URL',
    description:
      "A topic of ntfy to which notifications are sent. Treated as a secret: a topic's name may be all that it takes to read it.",
    form: 'the http(s) address of a topic, such as https://ntfy.example.com/bottles',
    secret: true,
    schema: notifierAddress({ isTopic: true }),
  },
  notifyNtfyToken: {
    variable: 'ORCHESTRATOR_NOTIFY_NTFY_TOKEN',
    description: 'Access token of ntfy, for a topic that asks for one.',
    form: 'the token as ntfy shows it',
    secret: true,
    schema: httpToken,
  },
  notifyNtfyEvents: {
    variable: 'ORCHESTRATOR_NOTIFY_NTFY_EVENTS',
    description: 'What is sent to the topic.',
    form: eventNamesForm,
    default: usualEvents,
    schema: eventNames,
  },
  leastFree: {
    variable: 'ORCHESTRATOR_NOTIFY_DISK_BELOW',
    description: 'With less space than this free for the data directory, the event is `disk`.',
    form: leastFreeForm,
    default: '2GiB',
    schema: z.string().transform((text, context) => {
      const least = parseLeastFree(text);
      if (least === undefined) {
        context.addIssue('is neither a size nor a share');
        return z.NEVER;
      }
      return least;
    }),
  },
  botBottleCli: {
    variable: 'BOT_BOTTLE_CLI',
    description: 'The bot-bottle CLI, for bottles whose backend is `bot-bottle`.',
    form: 'a path, or the name of a program on the PATH; ~ is your home directory',
    default: 'cli.py',
    schema: z
      .string()
      .refine((text) => text !== '' && !text.includes('\0'), { error: 'is not a program' }),
  },
  dataDirectory: {
    variable: 'ORCHESTRATOR_DATA_DIR',
    description: 'Where everything lies: the database, bottles, manifests, the API token.',
    form: 'a path; ~ is your home directory',
    default: '~/.bot-bottle',
    schema: z.string().refine((text) => !text.includes('\0'), { error: 'is not a path' }),
  },
  logLevel: {
    variable: 'ORCHESTRATOR_LOG_LEVEL',
    description: 'Least severe level that is logged.',
    form: 'trace, debug, info, warn, error, fatal or silent',
    default: 'info',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'is not a log level',
    }),
  },
  url: {
    variable: 'ORCHESTRATOR_URL',
    description:
      'Where the command line finds the orchestrator; without it, on this machine at FORGE_WEBHOOK_PORT.',
    form: 'an http(s) address, such as https://orchestrator.example.com',
    schema: webAddress(),
  },
  token: {
    variable: 'ORCHESTRATOR_TOKEN',
    description:
      "Token with which the command line speaks to the orchestrator's API; without it, for an orchestrator on this machine, the data directory's api-token.",
    form: 'the content of the file api-token in the data directory of the orchestrator',
    secret: true,
    schema: httpToken,
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;

/** The values the settings have, after their schemas. */
export type Settings = {
  readonly [Name in SettingName]: (typeof settings)[Name] extends { readonly default: string }
    ? z.output<(typeof settings)[Name]['schema']>
    : z.output<(typeof settings)[Name]['schema']> | undefined;
};

/** The setting's key in `orchestrator.toml`. */
export function tomlKey(variable: string): string {
  return variable.toLowerCase().replace(/^orchestrator_/, '');
}
