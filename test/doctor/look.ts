import type { Check, Finding } from '../../src/doctor/check.ts';
import { examine } from '../../src/doctor/examine.ts';

/** What the check of this name finds, with all that it needs looked at before. @param fix as with `--fix` */
export async function look(
  checks: readonly Check[],
  name: string,
  { fix = false }: { readonly fix?: boolean } = {},
): Promise<readonly Finding[]> {
  const results = await examine(checks, { fix });
  const result = results.find(({ check }) => check === name);
  if (result === undefined) throw new Error(`there is no check ${name}`);
  return result.findings;
}

/** The findings of one verdict. */
export function only<Verdict extends Finding['verdict']>(
  findings: readonly Finding[],
  verdict: Verdict,
): Extract<Finding, { verdict: Verdict }>[] {
  return findings.filter(
    (finding): finding is Extract<Finding, { verdict: Verdict }> => finding.verdict === verdict,
  );
}
