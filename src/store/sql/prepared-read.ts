import type pg from 'pg'
import type { PrismaClient } from './generated/client.ts'
import type { QueryListener, Translation } from './outage.ts'

/**
 * A statement that each connection parses and plans once, by its name. It has one parameter, and its rows have one column,
 * `text`, of a single line.
 */
export type PreparedRead = { name: string; sql: string }

/**
 * Finds the rows of a prepared read, as lines of one text; null when there are none.
 * @throws GatewayError SERVICE_UNAVAILABLE
 */
export type ReadText = (read: PreparedRead, parameter: string) => Promise<string | null>

type Options = {
  pool: Pick<pg.Pool, 'query'>
  translate: Translation
  onQuery?: QueryListener | undefined
  /** Whether a connection remembers names: one that a pooler hands to others does not. */
  hasNames: boolean
}

/** Reads through the pool of Prisma's adapter, without Prisma: a third of the CPU. */
export function createPostgresRead({ pool, translate, onQuery = () => undefined, hasNames }: Options): ReadText {
  return ({ name, sql }, parameter) =>
    translate(async () => {
      onQuery(sql)
      const query = { ...(hasNames && { name }), text: sql, values: [parameter], rowMode: 'array' as const }
      const { rows } = await pool.query<[string]>(query)
      return linesOf(rows.map(([text]) => text))
    })
}

/** Reads through Prisma: for PGlite, where the statement takes longer than Prisma. */
export function createPrismaRead(prisma: Pick<PrismaClient, '$queryRawUnsafe'>): ReadText {
  return async ({ sql }, parameter) => {
    const rows = await prisma.$queryRawUnsafe<{ text: string }[]>(sql, parameter)
    return linesOf(rows.map(({ text }) => text))
  }
}

function linesOf(texts: readonly string[]): string | null {
  return texts.length === 0 ? null : texts.join('\n')
}
