import { audit, type ClientInfo } from '../audit/audit.ts'
import { GatewayError } from '../platform/errors.ts'
import { developerTokensOf } from './list.ts'
import type { Viewer } from './viewer.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

/** How many characters of an id are shown, and are needed to name it. */
export const PREFIX_LENGTH = 8

/**
 * Revokes the developer token whose id begins with `prefix`.
 * @returns its id
 * @throws GatewayError BAD_USER_INPUT, TOKEN_NOT_FOUND, AMBIGUOUS_PREFIX
 */
export async function revokeDeveloperToken(
  gateway: ChangeParts,
  { viewer, prefix, client }: { viewer: Viewer; prefix: string; client: ClientInfo },
): Promise<string> {
  const start = prefix.trim().replace(/^atgate_/, '')
  if (!/^[0-9a-f]{8,32}$/.test(start)) {
    throw new GatewayError('BAD_USER_INPUT', `Give at least the first ${PREFIX_LENGTH} characters of the token's id.`)
  }
  const { did, id: by } = viewer.session
  return withSessionChanges(gateway, {}, async (rows) => {
    const now = new Date(gateway.runtime.clock())
    const where = { AND: [developerTokensOf(did, now), { id: { startsWith: start } }] }
    const [token, another] = await rows.tx.session.findMany({ where, select: { id: true }, take: 2 })
    if (another !== undefined) {
      throw new GatewayError(
        'AMBIGUOUS_PREFIX',
        'Several developer tokens begin with this prefix. Give more characters.',
      )
    }
    const ended = token === undefined ? [] : await rows.end({ id: token.id })
    const [revoked] = ended
    if (revoked === undefined) {
      throw new GatewayError(
        'TOKEN_NOT_FOUND',
        'No developer token of this account has an id that begins with this prefix.',
      )
    }
    await audit(rows.tx, { now, client, kind: 'developer_token_revoked', did, sessionId: revoked.id, detail: { by } })
    return revoked.id
  })
}
