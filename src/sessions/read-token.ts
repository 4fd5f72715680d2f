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
  const kept = await runtime.sessionCache.read<Kept>(tokenId, {
    load: () => stores.readText(CLIENT_READ, tokenId),
    parse: (text) => untilFirstEnd(parseClient(text, tokenId)),
    idsIn: ({ stored: { group, sessions } }) => [group.id, ...sessions.flatMap(idsOf)],
    mayServe: (each) => mayServe(each, runtime.clock()),
  })
  if (kept === null) return null
  const now = runtime.clock()
  return now < kept.firstEnd ? kept.client : clientAt(kept.stored, now)
}

/** What `readClient` would find, if that is known at once; undefined if not. */
export function peekClient({ runtime }: ReadParts, tokenId: string): Client | undefined {
  const kept = runtime.sessionCache.peek<Kept>(tokenId)
  return kept !== undefined && mayServe(kept, runtime.clock()) ? kept.client : undefined
}

/** Finds the session of a developer token, whether it has expired or not, as `readClient` finds a client. */
export async function readDeveloperToken({ stores, runtime }: ReadParts, id: string): Promise<AccountSession | null> {
  return runtime.sessionCache.read(`developer ${id}`, {
    load: () => stores.readText(DEVELOPER_TOKEN_READ, id),
    parse: parseDeveloperToken,
    idsIn: (session) => [session.id, ...idsOf(session)],
    mayServe: (session) => session.exchangedAt !== null && runtime.clock() < session.expiresAt.getTime(),
  })
}

/** A client as it is until the first of its rows ends, so that requests before that look at none of them. */
type Kept = { stored: StoredClient; client: Client; firstEnd: number }

/**
 * Whatever has ended by what was read may have been extended meanwhile, by another replica: so it is read again after
 * the first end.
 */
function untilFirstEnd(stored: StoredClient): Kept {
  const { token, group, sessions } = stored
  const client = Object.freeze({ token, group, accounts: Object.freeze(reachedBy(token, sessions)) })
  const ends = sessions.map(({ expiresAt }) => expiresAt.getTime())
  return { stored, client, firstEnd: Math.min(token.endsAt.getTime(), ...ends) }
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
function mayServe({ client: { token }, firstEnd }: Kept, now: number): boolean {
  return token.confirmedAt !== null && now < firstEnd
}
