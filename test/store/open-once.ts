import { openStore } from '../../src/store/open-store.ts';

// Opens a store, and closes it.
const [path] = process.argv.slice(2);
if (path === undefined) {
  throw new Error('usage: open-once <database>');
}
await (await openStore(path)).close();
