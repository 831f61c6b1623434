import { settings, tomlKey, type Setting } from '../../src/config/schema.ts';
import { code, markdownTable } from './markdown.ts';

/** All settings, in the order of the schema. */
export function settingsReference(): string {
  return markdownTable(
    ['variable', 'key in `orchestrator.toml`', 'unless given', 'accepted', 'meaning'],
    Object.values(settings).map((setting: Setting) => [
      code(setting.variable),
      code(setting.secret ? `${tomlKey(setting.variable)}_file` : tomlKey(setting.variable)),
      setting.default === undefined ? '-' : code(setting.default),
      setting.form,
      setting.description,
    ]),
  );
}
