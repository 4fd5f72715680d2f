import { DAY } from '../src/platform/clock.ts'
import { newId, newSecret } from '../src/platform/random.ts'
import { formatSessionToken, hashSecret } from '../src/sessions/token.ts'
import type { PrismaClient } from '../src/store/sql/generated/client.ts'

/**
 * Writes a session as a completed sign-in leaves it, directly into the tables.

 * @returns its session token
 */
export async function writeSignedInSession(db: PrismaClient): Promise<string> {
  const [now, inTwoWeeks] = [new Date(), new Date(Date.now() + 14 * DAY)]
  const [id, secret, did] = [newId(), newSecret(), 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa']
  await db.session.create({
    data: {
      id,
      secretHash: hashSecret(secret),
      kind: 'BROWSER',
      isActive: true,
      createdAt: now,
      linkedAt: now,
      lastUsedAt: now,
      expiresAt: inTwoWeeks,
      account: {
        create: { did, handle: 'alice.example.com', pdsUrl: 'https://pds.example.com', refreshedAt: now },
      },
      group: { create: { id: newId() } },
      grant: {
        create: {
          id: newId(),
          did,
          issuer: 'https://pds.example.com',
          scope: 'atproto transition:generic',
          sealed: 'never opened here',
          expiresAt: inTwoWeeks,
          updatedAt: now,
        },
      },
    },
  })
  return formatSessionToken({ id, secret }, { developer: false })
}
