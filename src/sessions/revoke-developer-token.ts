import { audit, type ClientInfo } from '../audit/audit.ts'
import { GatewayError } from '../platform/errors.ts'
import { developerTokensOf } from './list.ts'
import type { SessionRows } from './rows.ts'
import { forbiddenForDeveloperTokens, type Viewer } from './viewer.ts'
import { requireStillSignedIn, withClientChanges } from './with-client-changes.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

/** How many characters of an id are shown, and are needed to name it. */
export const PREFIX_LENGTH = 8

type Revocation = {
  did: string
  start: string
  /** The session that revokes. */
  by: string
  now: Date
  from: ClientInfo
}

/**
 * Revokes the developer token whose id begins with `prefix`. A developer token may revoke itself alone.
 * @returns its id
 * @throws GatewayError BAD_USER_INPUT, TOKEN_NOT_FOUND, AMBIGUOUS_PREFIX, FORBIDDEN, ACCOUNT_CHANGED, UNAUTHENTICATED
 */
export async function revokeDeveloperToken(
  gateway: ChangeParts,
  { viewer, prefix, from }: { viewer: Viewer; prefix: string; from: ClientInfo },
): Promise<string> {
  const start = prefix.trim().replace(/^atgate_/, '')
  if (!/^[0-9a-f]{8,32}$/.test(start)) {
    throw new GatewayError('BAD_USER_INPUT', `Give at least the first ${PREFIX_LENGTH} characters of the token's id.`)
  }
  const { session, client } = viewer
  const { did } = session
  if (client === null) {
    if (!session.id.startsWith(start)) throw forbiddenForDeveloperTokens()
    return withSessionChanges(gateway, {}, (rows) => {
      const now = new Date(gateway.runtime.clock())
      return revoke(rows, { did, start: session.id, by: session.id, now, from })
    })
  }
  return withClientChanges(gateway, { client }, ({ rows, client: current, now }) => {
    const { id: by } = requireStillSignedIn(current, viewer)
    return revoke(rows, { did, start, by, now, from })
  })
}

async function revoke(rows: SessionRows, { did, start, by, now, from }: Revocation): Promise<string> {
  const where = { AND: [developerTokensOf(did, now), { id: { startsWith: start } }] }
  const [token, another] = await rows.tx.session.findMany({ where, select: { id: true }, take: 2 })
  if (another !== undefined) {
    throw new GatewayError('AMBIGUOUS_PREFIX', 'Several developer tokens begin with this prefix. Give more characters.')
  }
  const ended = token === undefined ? [] : await rows.end({ id: token.id })
  const [revoked] = ended
  if (revoked === undefined) {
    throw new GatewayError(
      'TOKEN_NOT_FOUND',
      'No developer token of this account has an id that begins with this prefix.',
    )
  }
  const event = { kind: 'developer_token_revoked', did, sessionId: revoked.id, detail: { by } } as const
  await audit(rows.tx, { now, client: from, ...event })
  return revoked.id
}
