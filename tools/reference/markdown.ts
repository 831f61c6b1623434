/** A table as Markdown; oxfmt aligns its columns. */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  return [header, header.map(() => '---'), ...rows].map(line).join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ')).join(' | ')} |`;
}

export function code(text: string): string {
  return `\`${text}\``;
}

export function codeList(texts: readonly string[]): string {
  return texts.map(code).join(', ');
}
