import type { ClientToken, Prisma, Session, SessionGroup } from '../store/sql/generated/client.ts'

/** A session with its account and what is known of its grant. */
export type AccountSession = Prisma.SessionGetPayload<{ include: typeof accountIncludes }>

/** What is read with a session, in the same query. */
export const accountIncludes = {
  account: true,
  grant: {
    select: {
      scope: true,
      state: true,
      lostReason: true,
      expiresAt: true,
      refreshAfter: true,
      generation: true,
      accessEndsAt: true,
    },
  },
} satisfies Prisma.SessionInclude

/** What holds a client token: a browser, or an SDK process. */
export type Client = {
  token: ClientToken
  group: Pick<SessionGroup, 'id' | 'activeDid' | 'version'>
  /** The sessions of the accounts that the token reaches, in the order of the account switcher. */
  accounts: readonly AccountSession[]
}

/**
 * Finds a client by the id of its token, with every account that the token reaches, in one query; null when the token
 * has ended.
 */
export async function findClient(db: Prisma.TransactionClient, tokenId: string, now: Date): Promise<Client | null> {
  const token = await db.clientToken.findUnique({
    where: { id: tokenId },
    include: {
      group: {
        select: {
          id: true,
          activeDid: true,
          version: true,
          sessions: { where: { expiresAt: { gt: now } }, include: accountIncludes, orderBy: { linkedAt: 'asc' } },
        },
      },
    },
    relationLoadStrategy: 'join',
  })
  if (token === null || token.endsAt <= now) return null
  const { group, ...row } = token
  const { sessions, ...groupRow } = group
  return { token: row, group: groupRow, accounts: reachedBy(row, sessions) }
}

/**
 * Those of a group's sessions that a token reaches: of each account the last that authenticated before the token was
 * minted. So a copy of a token never reaches an account that was added later.
 */
export function reachedBy<T extends Pick<Session, 'did' | 'authenticatedAt'>>(
  { mintedAt }: Pick<ClientToken, 'mintedAt'>,
  sessions: readonly T[],
): T[] {
  // Numbers: dates are compared in several times as long, and this is done at each request.
  const known = sessions.filter(({ authenticatedAt }) => authenticatedAt.getTime() <= mintedAt.getTime())
  return known.filter(({ did, authenticatedAt }) =>
    known.every((other) => other.did !== did || other.authenticatedAt.getTime() <= authenticatedAt.getTime()),
  )
}

/** The session of an account that the client's token reaches, if there is one. */
export function reachedAccount({ accounts }: Client, did: string): AccountSession | undefined {
  return accounts.find((session) => session.did === did)
}
