import { audit, type ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Prisma } from '../store/sql/generated/client.ts'
import { type ChangingParts, changingSessions, endSessions } from './rows.ts'
import type { Viewer } from './viewer.ts'

/** How many characters of an id are shown, and are needed to name it. */
export const PREFIX_LENGTH = 8

/** The account's developer tokens: exchanged and not expired. */
export function developerTokensOf(did: string, now: Date): Prisma.SessionWhereInput {
  return { did, kind: 'DEVELOPER_TOKEN', secretHash: { not: null }, expiresAt: { gt: now } }
}

/**
 * Revokes the developer token whose id begins so.
 * @returns its id
 * @throws GatewayError BAD_USER_INPUT, TOKEN_NOT_FOUND, AMBIGUOUS_PREFIX
 */
export async function revokeDeveloperToken(
  gateway: ChangingParts & Pick<Gateway, 'clock'>,
  { viewer, prefix, client }: { viewer: Viewer; prefix: string; client: ClientInfo },
): Promise<string> {
  const start = prefix.trim().replace(/^atgate_/, '')
  if (!/^[0-9a-f]{8,32}$/.test(start)) {
    throw new GatewayError('BAD_USER_INPUT', `Give at least the first ${PREFIX_LENGTH} characters of the token's id.`)
  }
  const { did, id: by } = viewer.session
  const { clock } = gateway
  const { result } = await changingSessions(gateway, async (tx) => {
    const where = { AND: [developerTokensOf(did, new Date(clock())), { id: { startsWith: start } }] }
    const [token, another] = await tx.session.findMany({ where, select: { id: true }, take: 2 })
    if (token === undefined) {
      throw new GatewayError('TOKEN_NOT_FOUND', 'No developer token of this account has an id that begins so.')
    }
    if (another !== undefined) {
      throw new GatewayError('AMBIGUOUS_PREFIX', 'Several developer tokens begin so. Give more characters.')
    }
    const ended = await endSessions(tx, { id: token.id })
    await audit(tx, { clock, client, kind: 'developer_token_revoked', did, sessionId: token.id, detail: { by } })
    return { ended, result: token.id }
  })
  return result
}
