/** One measured number and what it may be at the `least` or at the `most`. */
export interface Figure {
  readonly figure: string;
  readonly value: number;
  readonly unit: 'ratio' | 'events' | 'MiB' | 's';
  readonly limit: number;
  readonly at: 'least' | 'most';
  /** What the value was made of. */
  readonly raw: Readonly<Record<string, unknown>>;
}

export function isMet({ value, limit, at }: Figure): boolean {
  return at === 'least' ? value >= limit : value <= limit;
}

/** As one line of JSON. */
export function formatFigure(figure: Figure): string {
  const { figure: name, value, unit, limit, at, raw } = figure;
  const rounded = JSON.stringify(
    { figure: name, value, unit, limit, at, ok: isMet(figure), raw },
    (_key, part: unknown) => (typeof part === 'number' ? round(part) : part),
  );
  return rounded;
}

/** Three digits that say something, and all of a whole number. */
export function round(value: number): number {
  return Number.isInteger(value) || Math.abs(value) >= 100
    ? Math.round(value)
    : Number(value.toPrecision(3));
}
