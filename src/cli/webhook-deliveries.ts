import { Command, InvalidArgumentError } from 'commander';
import type { DeliveryView } from '../api/views/delivery.ts';
import type { WebhookReceiptView } from '../api/views/webhook-receipt.ts';
import { type Clock, formatTime, readClock } from './clock.ts';
import { connect } from './connect.ts';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
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
    .addHelpText(
      'after',
      helpText(
        [
          'orchestrator webhook deliveries',
          `orchestrator webhook deliveries --json | jq '.deliveries[] | select(.verdict == "refused")'`,
        ],
        'waiting and dispatched were accepted; set-aside needs a look at the log. Of refused ones, with a bad signature for example, and of those that were known already, the running orchestrator tells the last 200 since its start.',
      ),
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
      else print(formatTable(columnsAt(readClock(options)), rows, terminalWidth()));
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

function colourVerdict({ verdict }: Row, text: string): string {
  switch (verdict) {
    case 'dispatched':
      return colours.green(text);
    case 'waiting':
      return colours.yellow(text);
    case 'refused':
    case 'set-aside':
      return colours.red(text);
    default:
      return text;
  }
}

function columnsAt(clock: Clock): readonly Column<Row>[] {
  return [
    { header: 'RECEIVED', text: ({ receivedAt }) => formatTime(receivedAt, clock) },
    { header: 'VERDICT', text: ({ verdict }) => verdict, colour: colourVerdict },
    { header: 'EVENT', text: ({ event }) => oneLine(event) },
    { header: 'ISSUE', text: ({ issue }) => issue || '-' },
    {
      header: 'REASON',
      text: ({ reason }) => oneLine(reason) || '-',
      shrink: { least: 20, keep: 'start' },
    },
  ];
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new InvalidArgumentError('It is not a whole number from 1 to 1000.');
  }
  return limit;
}
