import { type RawBuilder, sql, type SqlBool } from 'kysely';

/**
 * Whether a column has one of the values. They are one parameter, so that the statement's text, which is kept with
 * what SQLite made of it, does not grow with them.
 */
export function isOneOf(column: string, values: readonly string[]): RawBuilder<SqlBool> {
  return sql<SqlBool>`${sql.ref(column)} in (select value from json_each(${JSON.stringify(values)}))`;
}
