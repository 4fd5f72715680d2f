import type { Gateway } from '../gateway.ts'
import { type AccountSession, type Client, reachedBy } from './client.ts'
import {
  CLIENT_READ,
  DEVELOPER_TOKEN_READ,
  parseClient,
  parseDeveloperToken,
  type StoredClient,
} from './stored-client.ts'

/** What reads what a token stands for. */
export type ReadParts = {
  stores: Pick<Gateway['stores'], 'readText'>
  runtime: Pick<Gateway['runtime'], 'clock' | 'sessionCache'>
}

/**
 * Finds a client by the id of its token, with every account that the token reaches; null when the token has ended. What
 * it tells is at most a second old, and contains every change that this process has made.
 */
export async function readClient({ stores, runtime }: ReadParts, tokenId: string): Promise<Client | null> {
  const stored = await runtime.sessionCache.read(tokenId, {
    load: () => stores.readText(CLIENT_READ, tokenId),
    parse: (text) => parseClient(text, tokenId),
    idsIn: ({ group, sessions }) => [group.id, ...sessions.flatMap(idsOf)],
    mayServe: ({ token, sessions }) => isSettled(token) && areCurrent([token, ...sessions], runtime.clock()),
  })
  return stored === null ? null : clientAt(stored, runtime.clock())
}

/** Finds the session of a developer token, whether it has expired or not, as `readClient` finds a client. */
export async function readDeveloperToken({ stores, runtime }: ReadParts, id: string): Promise<AccountSession | null> {
  return runtime.sessionCache.read(`developer ${id}`, {
    load: () => stores.readText(DEVELOPER_TOKEN_READ, id),
    parse: parseDeveloperToken,
    idsIn: (session) => [session.id, ...idsOf(session)],
    mayServe: (session) => session.exchangedAt !== null && areCurrent([session], runtime.clock()),
  })
}

function clientAt({ token, group, sessions }: StoredClient, now: number): Client | null {
  if (token.endsAt.getTime() <= now) return null
  const current = sessions.filter(({ expiresAt }) => expiresAt.getTime() > now)
  return { token, group, accounts: reachedBy(token, current) }
}

/** The accounts and grants whose changes a session shows. */
function idsOf({ did, grantId }: AccountSession): string[] {
  return [did, grantId]
}

/** The first use of a token is awaited by each request that comes before it: it must see whether it has happened. */
function isSettled({ confirmedAt }: StoredClient['token']): boolean {
  return confirmedAt !== null
}

/** Whatever has ended since may have been extended meanwhile, by another replica. */
function areCurrent(rows: readonly ({ endsAt: Date } | { expiresAt: Date })[], now: number): boolean {
  return rows.every((row) => ('endsAt' in row ? row.endsAt : row.expiresAt).getTime() > now)
}
