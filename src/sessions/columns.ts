/** How a column is written into the JSON array of a row, and read from it. */
type Column<T> = {
  /** @param reference the column in SQL */
  sql(reference: string): string
  /** @param base what the dates of the row count from, in milliseconds of Unix time */
  parse(json: never, base: number): T
}

/** A column for each field of a row: one that the schema gets and that is missing here does not compile. */
export type Columns<Row> = { readonly [Name in keyof Row]-?: Column<Row[Name]> }

/** Some of the values of a JSON array, which repeats no names. */
export type RowFormat<Row> = {
  /** The SQL expressions of the values. */
  sql: readonly string[]
  /** The row, frozen, of the values that are next. */
  parse(values: Values): Row
}

/** The values of a JSON array that `jsonRow` has made, which formats read one after the other. */
export class Values {
  readonly #values: readonly never[]
  #next = 1

  constructor(json: string) {
    this.#values = JSON.parse(json) as never[]
  }

  /** What the dates count from, in milliseconds of Unix time. */
  get base(): number {
    return this.#values[0] ?? Number.NaN
  }

  next(): never {
    return this.#values[this.#next++] as never
  }
}

/** The date that the dates of a row count from. Most were written with it, and so take one digit instead of 13. */
const BASE = 's."createdAt"'

/** The SQL expression of a JSON array of what formats write. The row must have a session, as `s`. */
export function jsonRow(...formats: readonly Pick<RowFormat<unknown>, 'sql'>[]): string {
  const base = `(date_part('epoch', ${BASE}) * 1000)::bigint`
  return `json_build_array(${[base, ...formats.flatMap(({ sql }) => sql)].join(', ')})`
}

/** The format of the columns of a table, or of some of them, which SQL has as `alias`. */
export function rowFormat<Row extends object>(alias: string, columns: Columns<Row>): RowFormat<Row> {
  const all = (Object.entries(columns) as [string, Column<unknown>][]).map(([name, column]) => ({ name, ...column }))
  return {
    sql: all.map(({ name, sql }) => sql(`${alias}."${name}"`)),
    parse(values) {
      const { base } = values
      const row: Record<string, unknown> = {}
      for (const { name, parse } of all) row[name] = parse(values.next(), base)
      return Object.freeze(row) as Row
    },
  }
}

/** A text, a number or an enum: what JSON has too. */
export function plain<T extends string | number | null>(): Column<T> {
  return { sql: (reference) => reference, parse: (value: T) => value }
}

/**
 * A text that most rows have in another column, too, and that is null then.
 * @param other that column in SQL
 */
export function unlessIn(other: string): Column<string | null> {
  return { sql: (reference) => `NULLIF(${reference}, ${other})`, parse: (value: string | null) => value }
}

/** By `date_part`, which gives a float: `extract` gives a numeric, which takes more than twice as long. */
export const date: Column<Date> = {
  sql: (reference) => `(date_part('epoch', ${reference} - ${BASE}) * 1000)::bigint`,
  parse: (ms: number, base) => new Date(base + ms),
}

export const bytes: Column<Uint8Array<ArrayBuffer>> = {
  sql: (reference) => `encode(${reference}, 'base64')`,
  parse: (text: string) => new Uint8Array(Buffer.from(text, 'base64')),
}

/** As a text: JSON has no whole numbers of this size. */
export const bigint: Column<bigint> = {
  sql: (reference) => `${reference}::text`,
  parse: (text: string) => BigInt(text),
}

export function nullable<T>({ sql, parse }: Column<T>): Column<T | null> {
  return { sql, parse: (value, base) => (value === null ? null : parse(value, base)) }
}
