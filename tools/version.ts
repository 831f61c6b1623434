/** A version's first two numbers. */
export type MajorMinor = readonly [major: number, minor: number];

/** Whether `text`, a version such as `1.26.0`, is `oldest` or newer; false where it is no version. */
export function isAtLeast(text: string, oldest: MajorMinor): boolean {
  const [major = Number.NaN, minor = Number.NaN] = text.split('.').map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}
