import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { type Database, openDatabase } from '../../../src/store/sql/database.ts'
import type { PreparedRead } from '../../../src/store/sql/prepared-read.ts'
import { fixture, pgliteImage } from '../../support/fixtures.ts'
import { createFreshDatabase, type FreshDatabase } from '../../support/fresh-database.ts'

/** For each id two lines, in their order; none for `missing`. */
const LINES: PreparedRead = {
  name: 'lines',
  sql: `SELECT "id", "id" || "line" AS "text" FROM unnest($1::text[]) AS "id", generate_series(2, 1, -1) AS "line"
         WHERE "id" <> 'missing' ORDER BY "line"`,
}
const OTHER: PreparedRead = { name: 'other', sql: `SELECT unnest($1::text[]) AS "id", 'other' AS "text"` }
const FAILING: PreparedRead = {
  name: 'failing',
  sql: `SELECT "id", (1 / 0)::text AS "text" FROM unnest($1::text[]) "id"`,
}

const KINDS = ['embedded', ...(inject('services').postgres ? (['postgresql'] as const) : [])] as const

describe.each(KINDS)('prepared reads of a database of the kind %s', (kind) => {
  let fresh: FreshDatabase | null
  let database: Database
  let queries: string[]

  beforeAll(async () => {
    fresh = kind === 'embedded' ? null : await createFreshDatabase(await fixture('template'))
    const onQuery = (sql: string) => void queries.push(sql)
    database = await openDatabase(
      fresh === null
        ? { kind: 'memory', image: await pgliteImage(), onQuery }
        : { kind: 'postgresql', url: fresh.url, onQuery },
    )
  })
  afterAll(async () => {
    await database.close()
    await fresh?.drop()
  })
  beforeEach(() => {
    queries = []
  })

  it('share a query when they begin together, each with the lines of its own id', async () => {
    const { readText } = database
    const found = await Promise.all(['a', 'missing', 'b', 'a'].map((id) => readText(LINES, id)))
    expect(found).toEqual(['a1\na2', null, 'b1\nb2', 'a1\na2'])
    expect(queries).toEqual([LINES.sql])
  })

  it('do not share the query of another statement, or of a moment before', async () => {
    const { readText } = database
    const together = await Promise.all([readText(LINES, 'a'), readText(OTHER, 'a')])
    expect([...together, await readText(OTHER, 'b')]).toEqual(['a1\na2', 'other', 'other'])
    expect(queries.toSorted()).toEqual([LINES.sql, OTHER.sql, OTHER.sql].toSorted())
  })

  it('ask for 100 ids at most in a query', async () => {
    const ids = Array.from({ length: 250 }, (_, index) => `id${index}`)
    const found = await Promise.all(ids.map((id) => database.readText(LINES, id)))
    expect(found).toEqual(ids.map((id) => `${id}1\n${id}2`))
    expect(queries).toHaveLength(3)
  })

  it('fail together, and not those that come after', async () => {
    const { readText } = database
    const failed = await Promise.allSettled(['a', 'b'].map((id) => readText(FAILING, id)))
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await readText(LINES, 'a')).toBe('a1\na2')
  })
})
