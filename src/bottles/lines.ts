import type { Readable } from 'node:stream';

/**
 * Tells of each line that ends; what stands behind the last one is dropped. Node’s readline does the same and keeps a quarter of a
 * megabyte in each supervisor for it.
 */
export function onLines(input: Readable, listener: (line: string) => void): void {
  let begun = '';
  input.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${begun}${text}`.split('\n');
    begun = lines.pop() ?? '';
    for (const line of lines) listener(line);
  });
}
