/** How a column is written into the JSON text of a row, and read from it. */
type Column<T> = {
  /** @param reference the column in SQL */
  sql(reference: string): string
  parse(json: never): T
}

/** A column for each field of a row: one that the schema gets and that is missing here does not compile. */
export type Columns<Row> = { readonly [Name in keyof Row]-?: Column<Row[Name]> }

/** A row as an array of JSON values, which repeats no names. */
export type RowFormat<Row> = {
  /** The SQL expression of the array. */
  sql: string
  /** The row, frozen. */
  parse(values: JsonRow): Row
}

export type JsonRow = readonly never[]

export function rowFormat<Row extends object>(alias: string, columns: Columns<Row>): RowFormat<Row> {
  const all = (Object.entries(columns) as [string, Column<unknown>][]).map(([name, column]) => ({ name, ...column }))
  return {
    sql: `json_build_array(${all.map(({ name, sql }) => sql(`${alias}."${name}"`)).join(', ')})`,
    parse(values) {
      const row: Record<string, unknown> = {}
      let index = 0
      for (const { name, parse } of all) row[name] = parse(values[index++] as never)
      return Object.freeze(row) as Row
    },
  }
}

/** A text, a number or an enum: what JSON has too. */
export function plain<T extends string | number | null>(): Column<T> {
  return { sql: (reference) => reference, parse: (value: T) => value }
}

export const date = column<Date, number>(
  (reference) => `(extract(epoch FROM ${reference}) * 1000)::bigint`,
  (ms) => new Date(ms),
)

export const bytes = column<Uint8Array<ArrayBuffer>, string>(
  (reference) => `encode(${reference}, 'base64')`,
  (text) => new Uint8Array(Buffer.from(text, 'base64')),
)

/** As a text: JSON has no whole numbers of this size. */
export const bigint = column<bigint, string>((reference) => `${reference}::text`, BigInt)

export function nullable<T>({ sql, parse }: Column<T>): Column<T | null> {
  return { sql, parse: (value) => (value === null ? null : parse(value)) }
}

function column<T, Json>(sql: (reference: string) => string, parse: (json: Json) => T): Column<T> {
  return { sql, parse }
}
