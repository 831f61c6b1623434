import { ConfigError } from '../domain/errors.ts';

/** A manifest as it was read. */
export interface ManifestSource {
  /** As it is named in errors. */
  readonly file: string;
  readonly text: string;
}

const maxBytes = 256 * 1024;

/** To be asked before a file is read. @throws ConfigError */
export function checkSize(file: string, bytes: number): void {
  if (bytes > maxBytes) {
    throw new ConfigError(`${file}: must be at most ${maxBytes / 1024} KiB`);
  }
}

/** @throws ConfigError */
export function decodeManifest(file: string, content: Uint8Array): ManifestSource {
  checkSize(file, content.byteLength);
  try {
    return { file, text: new TextDecoder('utf-8', { fatal: true }).decode(content) };
  } catch {
    throw new ConfigError(`${file}: must be UTF-8 text`);
  }
}
