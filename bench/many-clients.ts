import { hash } from 'node:crypto'
import pg from 'pg'
import { newSecret } from '../src/platform/random.ts'
import { hashSecret } from '../src/sessions/token.ts'
import { withoutIndexes } from './bulk-load.ts'

const INSUFFICIENT_PRIVILEGE = '42501'

/** How many of them there are, and the token of each, by its number from 0. */
export type ManyClients = { count: number; tokenOf(number: number): string }

type Options = {
  /** Of a database that has been migrated. */
  url: string
  count: number
  /** The grant as the gateway seals it. */
  sealed: string
  /** Whether the indexes are filled row by row, as sign-ins fill them, and not built afterwards, which is faster. */
  fillsIndexes?: boolean
}

/**
 * Writes clients of one signed-in account each, as completed sign-ins leave them. The database makes the rows itself,
 * a million in about a minute: ids are hashes of their numbers, in no order as random ones are, and all tokens have
 * the same secret. Afterwards the tables are as autovacuum leaves them.
 */
export async function writeManyClients({ url, count, sealed, fillsIndexes = false }: Options): Promise<ManyClients> {
  const secret = newSecret()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'")
    const secretHash = Buffer.from(hashSecret(secret)).toString('hex')
    const insert = async () => {
      for (const statement of inserts({ count, sealed, secretHash })) await client.query(statement)
    }
    await (fillsIndexes ? insert() : withoutIndexes(client, insert))
    await client.query('VACUUM ANALYZE "Account", "SessionGroup", "Grant", "Session", "ClientToken"')
    await checkpoint(client)
  } finally {
    await client.end()
  }
  return { count, tokenOf: (number) => `${idOf(number)}.${secret}` }
}

function inserts({ count, sealed, secretHash }: { count: number; sealed: string; secretHash: string }): string[] {
  const series = `(SELECT md5(n::text) AS id FROM generate_series(0, ${count - 1}) AS n) AS client`
  const did = `'did:plc:' || left(translate(id, '0189', 'abcd'), 24)`
  const inTwoWeeks = `now() + interval '14 days'`
  return [
    `INSERT INTO "Account" ("did", "handle", "displayName", "pdsUrl", "refreshedAt", "lookUpAfter")
     SELECT ${did}, left(id, 12) || '.example.com', 'Alice', 'https://pds.example.com', now(), ${inTwoWeeks}
       FROM ${series}`,
    `INSERT INTO "SessionGroup" ("id", "activeDid") SELECT id, ${did} FROM ${series}`,
    `INSERT INTO "Grant" ("id", "did", "issuer", "scope", "sealed", "expiresAt", "updatedAt", "refreshAfter",
                          "keepAliveAfter")
     SELECT id, ${did}, 'https://pds.example.com', 'atproto transition:generic', ${pg.escapeLiteral(sealed)},
            ${inTwoWeeks}, now(), ${inTwoWeeks}, ${inTwoWeeks} FROM ${series}`,
    `INSERT INTO "Session" ("id", "kind", "did", "groupId", "grantId", "userAgent", "createdAt", "authenticatedAt",
                            "linkedAt", "exchangedAt", "lastUsedAt", "expiresAt")
     SELECT id, 'BROWSER', ${did}, id, id, 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
            now(), now(), now(), now(), now(), ${inTwoWeeks} FROM ${series}`,
    `INSERT INTO "ClientToken" ("id", "secretHash", "kind", "groupId", "sessionId", "mintedAt", "confirmedAt", "endsAt")
     SELECT id, '\\x${secretHash}', 'BROWSER', id, id, now(), now(), now() + interval '400 days' FROM ${series}`,
  ]
}

/** As the inserts make them. */
function idOf(number: number): string {
  return hash('md5', String(number), 'hex')
}

/** Leaves less to be written while something is measured, where the role may. */
async function checkpoint(client: pg.Client): Promise<void> {
  try {
    await client.query('CHECKPOINT')
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== INSUFFICIENT_PRIVILEGE) throw error
  }
}
