import { DAY } from '../src/platform/clock.ts'
import { newId } from '../src/platform/random.ts'
import { TOKEN_LIFETIME } from '../src/sessions/lifetime.ts'
import { mintClientToken } from '../src/sessions/token.ts'
import type { PrismaClient } from '../src/store/sql/generated/client.ts'

type Options = {
  /** The grant as its gateway seals it: one that starts later must be able to read it. */
  sealed?: string
}

/**
 * Writes a session as a completed sign-in leaves it, directly into the tables.
 * @returns the token of its client, which was used
 */
export async function writeSignedInSession(
  db: PrismaClient,
  { sealed = 'never opened here' }: Options = {},
): Promise<string> {
  const [now, inTwoWeeks] = [new Date(), new Date(Date.now() + 14 * DAY)]
  const [id, did] = [
    newId(),
    `did:plc:${newId()
      .toLowerCase()
      .replaceAll(/[^a-z2-7]/g, 'a')
      .slice(0, 24)}`,
  ]
  const { text, secretHash } = mintClientToken(id)
  const endsAt = new Date(now.getTime() + TOKEN_LIFETIME)
  const token = { id, secretHash, kind: 'BROWSER', sessionId: id, mintedAt: now, confirmedAt: now, endsAt } as const
  await db.session.create({
    data: {
      id,
      kind: 'BROWSER',
      createdAt: now,
      authenticatedAt: now,
      linkedAt: now,
      exchangedAt: now,
      lastUsedAt: now,
      expiresAt: inTwoWeeks,
      account: {
        create: {
          did,
          handle: 'alice.example.com',
          pdsUrl: 'https://pds.example.com',
          refreshedAt: now,
          lookUpAfter: inTwoWeeks,
        },
      },
      group: { create: { id: newId(), activeDid: did, tokens: { create: token } } },
      grant: {
        create: {
          id: newId(),
          did,
          issuer: 'https://pds.example.com',
          scope: 'atproto transition:generic',
          sealed,
          expiresAt: inTwoWeeks,
          updatedAt: now,
          refreshAfter: new Date(now.getTime() + 14 * DAY),
        },
      },
    },
  })
  return text
}
