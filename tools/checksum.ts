/**
 * The SHA-256 (hex) of `fileName` in the text of a checksum file, as `sha256sum` writes it: a sum and a name on each line.
 * Throws when it is not listed.
 */
export function findChecksum(text: string, fileName: string): string {
  for (const line of text.split('\n')) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === fileName && sum !== undefined && /^[0-9a-f]{64}$/.test(sum)) {
      return sum;
    }
  }
  throw new Error(`no checksum of ${fileName} is published`);
}
