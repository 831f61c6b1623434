import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { ConfigError } from '../domain/errors.ts';
import { searchAttributes } from '../workflows/search-attributes.ts';

const { IndexedValueType } = proto.temporal.api.enums.v1;

/** `--search-attribute` arguments of a development server. */
export const searchAttributeTypes: Readonly<Record<string, 'Keyword' | 'Int'>> = Object.fromEntries(
  Object.values(searchAttributes).map((key) => [key.name, key.type === 'INT' ? 'Int' : 'Keyword']),
);

/**
 * Registers what is missing and waits until the namespace has all. Call it before a worker polls: an unregistered
 * attribute wedges every workflow task that sets it. Idempotent.
 * @throws ConfigError naming what is missing when this account may not register it (Temporal Cloud, say)
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
): Promise<void> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length === 0) {
    return;
  }
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(
        missing.map((name) => [
          name,
          searchAttributeTypes[name] === 'Int'
            ? IndexedValueType.INDEXED_VALUE_TYPE_INT
            : IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
        ]),
      ),
    });
    for (let tries = 0; tries < 100; tries++) {
      if ((await missingSearchAttributes(connection, namespace)).length === 0) {
        return;
      }
      await delay(100);
    }
  } catch (error) {
    throw new ConfigError(howToRegister(namespace, missing), { cause: error });
  }
  throw new ConfigError(howToRegister(namespace, missing));
}

/** The names of those that the namespace does not have. */
export async function missingSearchAttributes(
  connection: Connection,
  namespace: string,
): Promise<string[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return Object.keys(searchAttributeTypes).filter((name) => customAttributes?.[name] === undefined);
}

function howToRegister(namespace: string, missing: readonly string[]): string {
  const commands = registerCommands(namespace, missing).map((command) => `  ${command}`);
  return `namespace ${namespace} lacks search attributes and they could not be made; make them with:\n${commands.join('\n')}`;
}

/** What somebody types who may register them. */
export function registerCommands(namespace: string, missing: readonly string[]): string[] {
  return missing.map(
    (name) =>
      `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${searchAttributeTypes[name]}`,
  );
}
