import type { Prisma } from '../store/sql/generated/client.ts'

/**
 * How many sessions a list contains at most, the newest. One account could fill memory with its own otherwise: nothing
 * bounds how many sessions and tokens it has. The limits of GraphQL documents count on it.
 */
export const MAX_LISTED = 200

/** How many accounts may be signed in side by side in one client. */
export const MAX_ACCOUNTS = 10

/** The sessions in which an account is signed in: exchanged and not expired, developer tokens not among them. */
export function signedInSessions(did: string, now: Date): Prisma.SessionWhereInput {
  return { did, kind: { in: ['BROWSER', 'SDK'] }, exchangedAt: { not: null }, expiresAt: { gt: now } }
}

/** The account's developer tokens: exchanged and not expired. */
export function developerTokensOf(did: string, now: Date): Prisma.SessionWhereInput {
  return { did, kind: 'DEVELOPER_TOKEN', exchangedAt: { not: null }, expiresAt: { gt: now } }
}
