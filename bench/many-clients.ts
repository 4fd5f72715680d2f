import { newId } from '../src/platform/random.ts'
import { mintClientToken } from '../src/sessions/token.ts'
import type { PrismaClient } from '../src/store/sql/generated/client.ts'

/** Written by one statement. */
const BATCH = 10_000

/**
 * Writes clients of one signed-in account each, as completed sign-ins leave them, faster than one by one.
 * @param sealed the grant as the gateway seals it
 * @returns their tokens, which were used
 */
export async function writeManyClients(
  db: PrismaClient,
  { count, sealed }: { count: number; sealed: string },
): Promise<string[]> {
  const texts: string[] = []
  for (let done = 0; done < count; done += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - done) }, () => {
      const id = newId()
      return { id, ...mintClientToken(id) }
    })
    await writeBatch(db, batch, sealed)
    texts.push(...batch.map(({ text }) => text))
  }
  await db.$executeRawUnsafe('ANALYZE')
  return texts
}

type Row = { id: string; secretHash: Uint8Array }

async function writeBatch(db: PrismaClient, rows: readonly Row[], sealed: string): Promise<void> {
  const ids = rows.map(({ id }) => id)
  const hashes = rows.map(({ secretHash }) => Buffer.from(secretHash).toString('hex'))
  const did = `'did:plc:' || left(translate(id, '0189', 'abcd'), 24)`
  const inTwoWeeks = `now() + interval '14 days'`
  for (const statement of [
    `INSERT INTO "Account" ("did", "handle", "displayName", "pdsUrl", "refreshedAt", "lookUpAfter")
     SELECT ${did}, left(id, 12) || '.example.com', 'Alice', 'https://pds.example.com', now(), ${inTwoWeeks} FROM input`,
    `INSERT INTO "SessionGroup" ("id", "activeDid") SELECT id, ${did} FROM input`,
    `INSERT INTO "Grant" ("id", "did", "issuer", "scope", "sealed", "expiresAt", "updatedAt", "refreshAfter",
                          "keepAliveAfter")
     SELECT id, ${did}, 'https://pds.example.com', 'atproto transition:generic', $3::text, ${inTwoWeeks}, now(),
            ${inTwoWeeks}, ${inTwoWeeks} FROM input`,
    `INSERT INTO "Session" ("id", "kind", "did", "groupId", "grantId", "userAgent", "createdAt", "authenticatedAt",
                            "linkedAt", "exchangedAt", "lastUsedAt", "expiresAt")
     SELECT id, 'BROWSER', ${did}, id, id, 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
            now(), now(), now(), now(), now(), ${inTwoWeeks} FROM input`,
    `INSERT INTO "ClientToken" ("id", "secretHash", "kind", "groupId", "sessionId", "mintedAt", "confirmedAt", "endsAt")
     SELECT id, decode(hash, 'hex'), 'BROWSER', id, id, now(), now(), now() + interval '400 days' FROM input`,
  ]) {
    const input = `WITH input AS (SELECT * FROM unnest($1::text[], $2::text[]) AS input(id, hash)
                                   WHERE $3::text IS NOT NULL) `
    await db.$executeRawUnsafe(input + statement, ids, hashes, sealed)
  }
}
