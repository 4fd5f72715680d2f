import type { PrismaClient } from '../../src/store/sql/generated/client.ts'
import { SEALED_GRANT } from './encryption-key.ts'

type Many = {
  /** Of the first of them; the ids count up from there in hexadecimal. */
  prefix: string
  count: number
  did: string
  /** PostgreSQL's words, as in `14 days`. */
  endsIn?: string
}

/** Writes sessions of one account, each in a group of its own, faster than one by one: for tests of numbers. */
export async function manySessions(db: PrismaClient, { prefix, count, did, endsIn = '14 days' }: Many): Promise<void> {
  const id = `'${prefix}' || lpad(to_hex(n), ${32 - prefix.length}, '0')`
  const series = `generate_series(0, ${count - 1}) AS n`
  const end = `now() + interval '${endsIn}'`
  await db.account.upsert({
    where: { did },
    update: {},
    create: { did, handle: did.replace('did:web:', ''), pdsUrl: 'https://pds.test', refreshedAt: new Date() },
  })
  for (const statement of [
    `INSERT INTO "SessionGroup" ("id", "activeDid") SELECT ${id}, '${did}' FROM ${series}`,
    `INSERT INTO "Grant" ("id", "did", "issuer", "scope", "sealed", "expiresAt", "updatedAt", "refreshAfter")
     SELECT ${id}, '${did}', 'https://pds.test', 'atproto', '${SEALED_GRANT}', ${end}, now(), now() FROM ${series}`,
    `INSERT INTO "Session" ("id", "kind", "did", "groupId", "grantId", "createdAt", "authenticatedAt", "linkedAt",
                            "exchangedAt", "expiresAt")
     SELECT ${id}, 'BROWSER', '${did}', ${id}, ${id}, now(), now(), now(), now(), ${end} FROM ${series}`,
  ]) {
    await db.$executeRawUnsafe(statement)
  }
}
