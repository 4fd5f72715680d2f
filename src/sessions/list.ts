import type { Prisma } from '../store/sql/generated/client.ts'

/** The sessions in which an account is signed in: exchanged and not expired, developer tokens not among them. */
export function signedInSessions(did: string, now: Date): Prisma.SessionWhereInput {
  return { did, kind: { in: ['BROWSER', 'SDK'] }, secretHash: { not: null }, expiresAt: { gt: now } }
}

/** The account's developer tokens: exchanged and not expired. */
export function developerTokensOf(did: string, now: Date): Prisma.SessionWhereInput {
  return { did, kind: 'DEVELOPER_TOKEN', secretHash: { not: null }, expiresAt: { gt: now } }
}
