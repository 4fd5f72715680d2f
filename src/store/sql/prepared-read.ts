import DataLoader from 'dataloader'
import type pg from 'pg'
import type { PrismaClient } from './generated/client.ts'
import type { QueryListener, Translation } from './outage.ts'

/**
 * A statement that each connection parses and plans once, by its name. Its one parameter is a list of ids. Its rows have
 * two columns: `id`, one of the list, and `text`, of a single line.
 */
export type PreparedRead = { name: string; sql: string }

/**
 * Finds the rows of a prepared read that one id has, as lines of one text; null when there are none. Reads that begin in
 * the same turn of the event loop share a query.
 * @throws GatewayError SERVICE_UNAVAILABLE
 */
export type ReadText = (read: PreparedRead, id: string) => Promise<string | null>

type Row = readonly [id: string, text: string]
type ReadRows = (read: PreparedRead, ids: readonly string[]) => Promise<readonly Row[]>

/** The most ids of one query, so that none keeps a connection for long. */
const MAX_IDS = 100

type Options = {
  pool: Pick<pg.Pool, 'query'>
  translate: Translation
  onQuery?: QueryListener | undefined
  /** Whether a connection remembers names: one that a pooler hands to others does not. */
  hasNames: boolean
}

/** Reads through the pool of Prisma's adapter, without Prisma: a third of the CPU. */
export function createPostgresRead({ pool, translate, onQuery = () => undefined, hasNames }: Options): ReadText {
  return readTogether(({ name, sql }, ids) =>
    translate(async () => {
      onQuery(sql)
      const query = { ...(hasNames && { name }), text: sql, values: [ids], rowMode: 'array' as const }
      return (await pool.query<[string, string]>(query)).rows
    }),
  )
}

/** Reads through Prisma: for PGlite, where the statement takes longer than Prisma. */
export function createPrismaRead(prisma: Pick<PrismaClient, '$queryRawUnsafe'>): ReadText {
  return readTogether(async ({ sql }, ids) => {
    const rows = await prisma.$queryRawUnsafe<{ id: string; text: string }[]>(sql, ids)
    return rows.map(({ id, text }) => [id, text] as const)
  })
}

/** For requests that arrive together: one way to the database and back, instead of one each. */
function readTogether(readRows: ReadRows): ReadText {
  const loaders = new Map<PreparedRead, DataLoader<string, string | null>>()
  return (read, id) => {
    const loader = loaders.get(read) ?? loaderOf(read, readRows)
    loaders.set(read, loader)
    return loader.load(id)
  }
}

function loaderOf(read: PreparedRead, readRows: ReadRows): DataLoader<string, string | null> {
  return new DataLoader(async (ids) => textsOf(await readRows(read, [...new Set(ids)]), ids), {
    cache: false,
    maxBatchSize: MAX_IDS,
    // Once every connection that has sent something was read from.
    batchScheduleFn: setImmediate,
  })
}

function textsOf(rows: readonly Row[], ids: readonly string[]): (string | null)[] {
  const texts = new Map<string, string>()
  for (const [id, line] of rows) {
    const others = texts.get(id)
    texts.set(id, others === undefined ? line : `${others}\n${line}`)
  }
  return ids.map((id) => texts.get(id) ?? null)
}
