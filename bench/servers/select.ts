import { createServer } from 'node:http'
import pg from 'pg'
import { announce } from './announce.ts'

// The baseline of reading a session: node:http and one SELECT by primary key, by a named statement, over as many
// connections as the gateway has. No secret is checked, and nothing else is looked up.
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const STATEMENT = { name: 'session', text: 'SELECT * FROM "Session" WHERE "id" = $1' }
const COOKIE = /atgate=([0-9a-f]{32})\./

announce(
  createServer(async ({ headers }, response) => {
    const [, id] = COOKIE.exec(headers.cookie ?? '') ?? []
    const { rows } = await pool.query<{ did: string }>({ ...STATEMENT, values: [id] })
    response.end(rows[0]?.did)
  }),
)
