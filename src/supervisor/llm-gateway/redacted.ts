/** A copy of plain JSON without the key. */
export function redacted<T>(value: T, key: string | undefined): T {
  if (key === undefined || key === '') return value;
  const written = JSON.stringify(key).slice(1, -1);
  return JSON.parse(JSON.stringify(value).replaceAll(written, '[redacted]')) as T;
}
