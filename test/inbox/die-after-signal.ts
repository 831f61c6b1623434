import { appendFileSync } from 'node:fs';
import { pino } from 'pino';
import { giteaWebhooks } from '../../src/forges/gitea/parse-webhook.ts';
import { createInbox } from '../../src/inbox/inbox.ts';
import { openStore } from '../../src/store/open-store.ts';

// An orchestrator that is killed right after its first signal, before the delivery is marked.
const [path, log] = process.argv.slice(2);
if (path === undefined || log === undefined) {
  throw new Error('usage: die-after-signal <database> <log>');
}
const unasked = () => Promise.reject(new Error('the forge is not asked about an issue event'));
createInbox({
  store: await openStore(path),
  parser: giteaWebhooks,
  forge: {
    whoAmI: unasked,
    canWrite: unasked,
    isOrgMember: unasked,
    listComments: unasked,
    createComment: unasked,
    addReaction: unasked,
  },
  signals: {
    signal: () => Promise.reject(new Error('an issue event begins a workflow')),
    command: () => Promise.reject(new Error('an issue event is no command')),
    async signalWithStart(_issue, _title, _url, { event }) {
      appendFileSync(log, `${event.sequence}\n`);
      process.kill(process.pid, 'SIGKILL');
    },
  },
  labels: true,
  lookAt: () => '',
  org: 'bot-bottle',
  log: pino({ level: 'silent' }),
}).start();
