import { Command, InvalidArgumentError } from 'commander';
import type { DeliveryView } from '../api/views/delivery.ts';
import type { WebhookReceiptView } from '../api/views/webhook-receipt.ts';
import { connect } from './connect.ts';
import type { GlobalOptions } from './global-options.ts';
import { formatTable, type Column } from './table.ts';
import { colours, oneLine, print, printJson, terminalWidth } from './terminal.ts';

interface DeliveriesOptions extends GlobalOptions {
  readonly limit: number;
}

/** A webhook request and what became of it. */
interface Row {
  readonly receivedAt: string;
  readonly verdict: string;
  readonly event: string;
  /** `<repository id>/<issue number>`, of what is about an issue. */
  readonly issue: string;
  readonly deliveryId: string;
  readonly reason: string;
}

export function deliveriesCommand(): Command {
  return new Command('deliveries')
    .description(
      'list the last deliveries and what became of them: accepted, ignored and why, refused',
    )
    .option('--limit <number>', 'how many', readLimit, 20)
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
waiting and dispatched were accepted; set-aside needs a look at the log. Of refused ones, with a bad signature for example, and of
those that were known already, the running orchestrator tells the last 200 since its start.

Examples:
  orchestrator webhook deliveries
  orchestrator webhook deliveries --json | jq '.deliveries[] | select(.verdict == "refused")'`,
    )
    .action(async (_, command: Command) => {
      const options: DeliveriesOptions = command.optsWithGlobals();
      const api = connect(options);
      const [{ deliveries }, { receipts }] = await Promise.all([
        api.deliveries(options.limit),
        api.webhookReceipts(),
      ]);
      const rows = merge(deliveries, receipts).slice(0, options.limit);
      if (options.json) printJson({ deliveries: rows });
      else if (rows.length === 0) print('Nothing was ever delivered.');
      else print(formatTable(columns, rows, terminalWidth()));
    });
}

/** What is stored, and beside it what is not. The newest first. */
function merge(
  deliveries: readonly DeliveryView[],
  receipts: readonly WebhookReceiptView[],
): readonly Row[] {
  const stored = deliveries.map(
    ({ receivedAt, state, event, orderKey, deliveryId, reason }): Row => ({
      receivedAt,
      verdict: state,
      event,
      issue: orderKey,
      deliveryId,
      reason: reason ?? '',
    }),
  );
  const others = receipts
    .filter(({ verdict }) => verdict === 'refused' || verdict === 'known')
    .map(({ receivedAt, verdict, event, deliveryId, reason, status, from }): Row => ({
      receivedAt,
      verdict,
      event,
      issue: '',
      deliveryId,
      reason:
        verdict === 'known' ? 'it was delivered before' : `${status} to ${from}: ${reason ?? ''}`,
    }));
  return [...stored, ...others].toSorted((one, other) =>
    other.receivedAt.localeCompare(one.receivedAt),
  );
}

const verdictColours: Readonly<Record<string, (text: string) => string>> = {
  dispatched: colours.green,
  waiting: colours.yellow,
  refused: colours.red,
  'set-aside': colours.red,
};

const columns: readonly Column<Row>[] = [
  { header: 'RECEIVED', text: ({ receivedAt }) => receivedAt },
  {
    header: 'VERDICT',
    text: ({ verdict }) => verdict,
    colour: ({ verdict }, text) => verdictColours[verdict]?.(text) ?? text,
  },
  { header: 'EVENT', text: ({ event }) => oneLine(event) },
  { header: 'ISSUE', text: ({ issue }) => issue || '-' },
  {
    header: 'REASON',
    text: ({ reason }) => oneLine(reason) || '-',
    shrink: { least: 20, keep: 'start' },
  },
];

function readLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new InvalidArgumentError('It is not a whole number from 1 to 1000.');
  }
  return limit;
}
