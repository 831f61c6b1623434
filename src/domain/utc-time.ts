/**
 * A time for people who may be anywhere: `14:32 UTC`.
 * @param at epoch milliseconds
 * @param now the date is left out when it is this one's; undefined: whoever reads it does so on another day
 */
export function utcTime(at: number, now?: number): string {
  const [date = '', clock = ''] = new Date(at).toISOString().split('T');
  const today = now !== undefined && new Date(now).toISOString().startsWith(date);
  return `${today ? '' : `${date} `}${clock.slice(0, 5)} UTC`;
}
