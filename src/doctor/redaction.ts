/** What stands where a secret was. */
const mark = '[redacted]';
/** A shorter one would take harmless text with it, and protects nothing. */
const shortest = 4;

/**
 * Takes secrets out of texts that leave the machine: those that are known, in every form in which they are written down,
 * and what looks like one.
 * @param secrets all that this installation has
 */
export function redaction(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .filter((secret) => secret.length >= shortest)
    .flatMap((secret) => [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      ...base64Forms(secret),
    ])
    // The longest first: one may be part of another.
    .toSorted((one, other) => other.length - one.length);
  return (text) =>
    suspicious.reduce(
      (cleaned, [pattern, kept]) => cleaned.replace(pattern, kept),
      [...new Set(forms)].reduce((cleaned, form) => cleaned.replaceAll(form, mark), text),
    );
}

/** Wherever it begins within a longer text that is encoded as a whole, as in `Basic <login:token>`. */
function base64Forms(secret: string): string[] {
  return [0, 1, 2].map((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    // The first and the last digit depend on what stands beside it.
    const first = [0, 2, 3][offset] ?? 0;
    const whole = Math.floor((bytes.length * 8) / 6);
    return bytes.toString('base64').slice(first, whole);
  });
}

const suspicious: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic|token) +[\w.~+/=-]{8,}/g, `$1 ${mark}`],
  [/(https?:\/\/)[^\s/@:"]+:[^\s/@"]+@/g, `$1${mark}@`],
  [/\b(sk-|gh[pousr]_|glpat-|xox[bp]-)[\w-]{8,}/g, mark],
  [
    /("?\b[\w-]*(?:secret|password|passwd|api_?key|token|authorization)"? *[:=] *"?)(?!\[redacted\])[^\s",}]{8,}/gi,
    `$1${mark}`,
  ],
];
