import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { SetupConfig } from '../../config/load-setup.ts';
import { settings } from '../../config/schema.ts';
import type { Progress } from '../progress.ts';
import { readText, withSettings, writePrivate, writeSettings } from '../settings-file.ts';
import type { Accounts } from './account.ts';

const usualPort = Number(settings.port.default);

/** `orchestrator.toml`, and the two secrets in files of their own. */
export class SettingsStep {
  readonly #config: SetupConfig;
  readonly #progress: Progress;
  readonly #tokenFile: string;
  readonly #secretFile: string;

  constructor(config: SetupConfig, progress: Progress) {
    const { dataDirectory, secretFiles } = config;
    this.#config = config;
    this.#progress = progress;
    this.#tokenFile = secretFiles.token ?? join(dataDirectory, 'forge-token');
    this.#secretFile = secretFiles.webhookSecret ?? join(dataDirectory, 'webhook-secret');
  }

  keepToken(token: string): Promise<void> {
    return writePrivate(this.#tokenFile, `${token}\n`);
  }

  /**
   * What the orchestrator needs to know of the forge.
   * @returns the webhook's secret; undefined when the person does not want it kept
   */
  async keepForge({ apiUrl, token }: Accounts): Promise<string | undefined> {
    const secret =
      this.#config.webhookSecret ??
      (await readText(this.#secretFile))?.trim() ??
      randomBytes(32).toString('hex');
    const files = { [this.#tokenFile]: `${token}\n`, [this.#secretFile]: `${secret}\n` };
    const changed: string[] = [];
    for (const [path, text] of Object.entries(files)) {
      if ((await readText(path)) !== text) changed.push(path);
    }
    const kept = await this.#write(
      {
        forge_gitea_api: apiUrl,
        forge_token_file: this.#tokenFile,
        forge_webhook_secret_file: this.#secretFile,
        ...(this.#config.org !== settings.forgeOrg.default && { forge_org: this.#config.org }),
      },
      'the forge, its token and the webhook’s secret',
      `Write ${this.#config.settingsFile}, with token and secret in files of their own`,
      async () => {
        for (const path of changed) await writePrivate(path, files[path] ?? '');
      },
      changed.length > 0,
    );
    return kept ? secret : undefined;
  }

  /** Where the forge reaches the orchestrator, and where that listens for it. */
  keepAddress({ url, host }: { readonly url: string; readonly host: string }): Promise<boolean> {
    const { hostIsGiven, port } = this.#config;
    return this.#write(
      {
        public_url: url,
        ...(!hostIsGiven && { forge_webhook_host: host }),
        ...(port !== usualPort && { forge_webhook_port: String(port) }),
      },
      `the address ${url}`,
      `Write the address ${url} into ${this.#config.settingsFile}`,
    );
  }

  async #write(
    values: Readonly<Record<string, string>>,
    what: string,
    proposal: string,
    before: () => Promise<void> = async () => undefined,
    isChanged = false,
  ): Promise<boolean> {
    const { settingsFile } = this.#config;
    if (!isChanged && (await this.#isWritten(values))) {
      this.#progress.tellRight(`${settingsFile} has ${what}`);
      return true;
    }
    return this.#progress.change({
      proposal,
      done: `wrote ${settingsFile}`,
      byHand: `In it: ${Object.entries(values)
        .map(([key, value]) => `${key} = "${value}"`)
        .join(', ')}.`,
      make: async () => {
        await before();
        await writeSettings(settingsFile, values);
      },
    });
  }

  async #isWritten(values: Readonly<Record<string, string>>): Promise<boolean> {
    const text = await readText(this.#config.settingsFile);
    return text !== undefined && withSettings(text, values) === text;
  }
}
