import Table from 'cli-table3';
import { colours } from './terminal.ts';

export interface Column<Row> {
  readonly header: string;
  readonly text: (row: Row) => string;
  readonly colour?: (row: Row, text: string) => string;
  /**
   * Where room is short the column gives way down to `least` characters, the rightmost such column first; `keep` is
   * the end of the text that tells rows apart.
   */
  readonly shrink?: { readonly least: number; readonly keep: 'start' | 'end' };
}

const gap = 2;

/**
 * A table without lines, as `ps` and `docker ps` write it.
 * @param width columns of the terminal; undefined: nothing is cut
 */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number | undefined,
): string {
  const cells = rows.map((row) => columns.map((column) => column.text(row)));
  const widths = fit(
    columns,
    columns.map(({ header }, index) =>
      Math.max(header.length, ...cells.map((texts) => texts[index]?.length ?? 0)),
    ),
    width,
  );
  const table = new Table({
    ...plain,
    head: columns.map(({ header }) => colours.bold(header)),
    colWidths: width === undefined ? [] : widths,
  });
  for (const [index, row] of rows.entries()) {
    table.push(
      columns.map((column, at) => {
        const text = cells[index]?.[at] ?? '';
        const room = widths[at] ?? 0;
        const shown =
          column.shrink?.keep === 'end' && text.length > room
            ? `…${text.slice(text.length - room + 1)}`
            : text;
        return column.colour?.(row, shown) ?? shown;
      }),
    );
  }
  return withoutTrailingSpace(table);
}

/** Names and what they stand for, the latter wrapped at words. */
export function formatPairs(
  pairs: readonly (readonly [name: string, value: string])[],
  nameWidth: number,
  width: number | undefined,
): string {
  const table = new Table({
    ...plain,
    wordWrap: true,
    colWidths:
      width === undefined ? [nameWidth] : [nameWidth, Math.max(20, width - nameWidth - gap)],
  });
  table.push(...pairs.map((pair) => [...pair]));
  return withoutTrailingSpace(table);
}

function withoutTrailingSpace(table: { toString(): string }): string {
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** The natural widths, less what does not fit. */
function fit(
  columns: readonly Column<never>[],
  natural: readonly number[],
  width: number | undefined,
): number[] {
  const widths = [...natural];
  let excess =
    width === undefined
      ? 0
      : widths.reduce((sum, each) => sum + each, gap * (columns.length - 1)) - width;
  for (const [index, { shrink, header }] of [...columns.entries()].toReversed()) {
    const before = widths[index] ?? 0;
    if (shrink !== undefined && excess > 0) {
      widths[index] = Math.min(before, Math.max(shrink.least, header.length, before - excess));
      excess -= before - widths[index];
    }
  }
  return widths;
}

const plain = {
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  chars: {
    top: '',
    'top-left': '',
    'top-mid': '',
    'top-right': '',
    mid: '',
    'left-mid': '',
    'mid-mid': '',
    'right-mid': '',
    bottom: '',
    'bottom-left': '',
    'bottom-mid': '',
    'bottom-right': '',
    left: '',
    right: '',
    middle: ' '.repeat(gap),
  },
};
