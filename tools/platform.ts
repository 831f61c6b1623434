const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** This machine in the words of Go's releases: `{ system: 'linux', architecture: 'amd64' }`. */
export function releasePlatform(): { readonly system: string; readonly architecture: string } {
  return { system: process.platform, architecture: ARCHITECTURES[process.arch] ?? process.arch };
}
