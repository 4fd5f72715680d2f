import type { Grant } from '../../src/atproto/grants/grant.ts'
import { IssuerMoved, RefreshRefused, type RefreshRequest } from '../../src/atproto/grants/refresh-request.ts'
import { newId } from '../../src/platform/random.ts'
import { aGrant } from './builders.ts'

/** What happens to one refresh, at the server or on the way. */
export type TokenServerFaults = {
  /** Runs when the request has been sent, before the server has used the refresh token up. */
  beforeCommit?(): Promise<void>
  /** Runs when the server has used the refresh token up, before its answer arrives. */
  afterCommit?(): Promise<void>
}

/**
 * An authorization server that rotates refresh tokens and deletes the whole grant when one is used twice, as the
 * reference server does.
 */
export type TokenServer = {
  /** Grants something new. */
  issue(tokenSet?: Parameters<typeof aGrant>[0]): Grant
  /** The way of one gateway process to the server. */
  requests(faults?: TokenServerFaults): RefreshRequest
  /** Takes a grant back, whose refresh token must be the valid one (RFC 7009 §2.2: any other is ignored). */
  revoke(grant: Grant): Promise<void>
  /** Whether a grant is honoured. */
  honours(grant: Grant): boolean
  /** How many grants it honours. */
  countHonoured(): number
  /** Makes another server the authority over every account. */
  moveAccounts(): void
  /** How many refresh tokens were sent. */
  readonly sent: number
  readonly replays: number
}

const HOUR = 60 * 60 * 1000

/** `unusedFor`: how long a refresh token is honoured, in milliseconds of the clock. */
type TokenServerOptions = { clock?: () => number; unusedFor?: number }

export function createTokenServer({
  clock = Date.now,
  unusedFor = Number.POSITIVE_INFINITY,
}: TokenServerOptions = {}): TokenServer {
  /** The valid refresh token of each grant. A refresh token is `<grant>.<serial>`. */
  const valid = new Map<string, string>()
  const issuedAt = new Map<string, number>()
  let hasMoved = false
  let sent = 0
  let replays = 0

  const familyOf = ({ tokenSet: { refresh_token = '' } }: Grant) => refresh_token.split('.', 1)[0] ?? ''

  const hasEnded = (family: string) => clock() - (issuedAt.get(family) ?? 0) > unusedFor

  const honours = (grant: Grant) =>
    valid.get(familyOf(grant)) === grant.tokenSet.refresh_token && !hasEnded(familyOf(grant))

  function next(grant: Grant, family: string, serial: number): Grant {
    const refresh_token = `${family}.${serial}`
    valid.set(family, refresh_token)
    issuedAt.set(family, clock())
    const expires_at = new Date(Date.now() + HOUR).toISOString()
    const tokens = { refresh_token, access_token: `access-${refresh_token}`, expires_at }
    return { ...grant, tokenSet: { ...grant.tokenSet, ...tokens } }
  }

  function rotate(grant: Grant): Grant {
    const { refresh_token = '' } = grant.tokenSet
    const [family = '', serial] = refresh_token.split('.')
    if (!valid.has(family) || hasEnded(family)) throw new RefreshRefused('Invalid refresh token')
    if (valid.get(family) === refresh_token) return next(grant, family, Number(serial) + 1)
    replays++
    valid.delete(family)
    throw new RefreshRefused('Refresh token replayed')
  }

  return {
    issue: (tokenSet) => next(aGrant(tokenSet), newId(), 0),
    requests: ({ beforeCommit, afterCommit } = {}) => ({
      async prepare(grant) {
        if (hasMoved) throw new IssuerMoved('moved')
        return {
          async send(beforeSending) {
            await beforeSending()
            sent++
            await beforeCommit?.()
            const rotated = rotate(grant)
            await afterCommit?.()
            return rotated
          },
        }
      },
    }),
    async revoke(grant) {
      if (honours(grant)) valid.delete(familyOf(grant))
    },
    honours,
    countHonoured: () => valid.size,
    moveAccounts() {
      hasMoved = true
    },
    get sent() {
      return sent
    },
    get replays() {
      return replays
    },
  }
}
