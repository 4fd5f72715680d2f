import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** The database, as a run reads and alters it beside the gateway. Its statements wait for faults to pass. */
export type Rows = {
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>
  /** Does nothing when the database is away. */
  tryQuery(sql: string, values?: unknown[]): Promise<void>
  close(): Promise<void>
}

const TRIES_FOR = 60_000

export function openRows(url: string): Rows {
  const pool = new pg.Pool({ connectionString: url, max: 3, connectionTimeoutMillis: 3000, query_timeout: 15_000 })
  // Of a connection that nobody uses.
  pool.on('error', () => undefined)
  return {
    async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []) {
      for (const deadline = performance.now() + TRIES_FOR; ; ) {
        try {
          return (await pool.query<Row>(sql, values)).rows
        } catch (error) {
          if (performance.now() > deadline) throw error
          await sleep(500)
        }
      }
    },
    async tryQuery(sql, values = []) {
      await pool.query(sql, values).catch(() => undefined)
    },
    close: () => pool.end(),
  }
}
