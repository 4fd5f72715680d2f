import { setTimeout as sleep } from 'node:timers/promises'
import { SECOND } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { OAuthClients } from '../client.ts'
import { formatScope, unionOfScopes } from '../scope.ts'
import { type Acceptable, findAcceptable } from './acceptable-scopes.ts'
import type { Prompt } from './authorization-request.ts'
import { asGatewayError } from './push-error.ts'
import { PushFailed, ScopesRefused } from './push-failed.ts'
import { type Push, type Pushed, pushOnce } from './push-once.ts'
import type { ScopeRefusals } from './scope-refusals.ts'

type Parts = {
  clients: OAuthClients
  scopeRefusals: ScopeRefusals
  logger: Pick<Logger, 'info' | 'error'>
  /** Waits before a busy server is asked again; tests do not. */
  pause?: (ms: number) => Promise<unknown>
}

export type PushRequest = {
  /** A handle, a DID, or the URL of a PDS or entryway. */
  input: string
  /** What must be granted. */
  scopes: readonly string[]
  /** What may be missing. */
  optionalScopes: readonly string[]
  /** Whether a push without any of the optional scopes is in vain. */
  needsOptional: boolean
  prompt: Prompt | null
  /** Is told the host before each push to it, and may refuse. */
  beforePush(host: string): Promise<void>
  /** Whether the account's server knows the account. Asked when the server refuses without saying why. */
  isAccountKnown(): Promise<boolean>
}

/** What the server has taken, and which optional scopes it was asked for. */
export type PushedRequest = Pushed & { optionalScopes: readonly string[] }

/**
 * Pushes an authorization request (RFC 9126) to the account's authorization server. If the server refuses an optional
 * scope, it is asked again without; what it refuses is remembered for an hour. If it is busy, it is asked once more.
 * @throws GatewayError PDS_UNAVAILABLE, PDS_REFUSED, and what `beforePush` throws
 */
export async function pushAuthorizationRequest(parts: Parts, request: PushRequest): Promise<PushedRequest> {
  try {
    return await pushAcceptable(parts, request)
  } catch (error) {
    throw await asGatewayError(error, { ...request, logger: parts.logger })
  }
}

/** The server is known to refuse these optional scopes. Nothing has been pushed. */
class KnownToBeRefused extends Error {
  override readonly name = 'KnownToBeRefused'
  readonly scopes: readonly string[]

  constructor(scopes: readonly string[]) {
    super('known to be refused')
    this.scopes = scopes
  }
}

async function pushAcceptable(parts: Parts, request: PushRequest): Promise<PushedRequest> {
  const scopes = unionOfScopes(request.scopes)
  const optional = unionOfScopes(request.optionalScopes).filter((scope) => !scopes.includes(scope))
  let issuer: string | undefined
  let refusal: unknown

  /** Which server it is becomes known on the way to the first push. */
  async function beforePush(server: { issuer: string; host: string }): Promise<void> {
    const refused = issuer === undefined ? parts.scopeRefusals.known(server.issuer, optional) : []
    issuer = server.issuer
    // Who wants just these may ask again: the server may have changed its mind.
    const isInVain = request.needsOptional && refused.length === optional.length
    if (refused.length > 0 && !isInVain) throw new KnownToBeRefused(refused)
    await request.beforePush(server.host)
  }

  async function push(some: readonly string[]): Promise<Pushed | null> {
    const { input, prompt } = request
    try {
      return await pushPatiently(parts, { input, prompt, scope: formatScope([...scopes, ...some]), beforePush })
    } catch (error) {
      if (!(error instanceof PushFailed) || error.kind !== 'scope') throw error
      refusal = error.cause
      return null
    }
  }

  const found = await findUnlessKnown(optional, push)
  if (found === null) throw new ScopesRefused(scopes, refusal)
  const { taken, refused, pushed } = found
  parts.scopeRefusals.note(pushed.request.saved.iss, { taken, refused })
  if (refused.length > 0) parts.logger.info({ issuer, scopes: refused }, 'optional scopes refused by the server')
  if (request.needsOptional && taken.length === 0) throw new ScopesRefused(optional, refusal)
  return { ...pushed, optionalScopes: taken }
}

async function findUnlessKnown(
  optional: readonly string[],
  push: (some: readonly string[]) => Promise<Pushed | null>,
): Promise<Acceptable<Pushed> | null> {
  try {
    return await findAcceptable(optional, push)
  } catch (error) {
    if (!(error instanceof KnownToBeRefused)) throw error
    const { scopes } = error
    return findAcceptable(
      optional.filter((scope) => !scopes.includes(scope)),
      push,
    )
  }
}

/** In milliseconds. A person is waiting. */
const LONGEST_PAUSE = 2 * SECOND
const SHORT_PAUSE = SECOND / 2

/** A push does nothing at the server that a second one could repeat, so a busy server is asked once more. */
async function pushPatiently({ clients, pause = sleep }: Parts, push: Push): Promise<Pushed> {
  try {
    return await pushOnce(clients, push)
  } catch (error) {
    if (!(error instanceof PushFailed) || error.kind !== 'busy') throw error
    const ms = error.retryAfter === null ? SHORT_PAUSE : error.retryAfter * SECOND
    if (ms > LONGEST_PAUSE) throw error
    await pause(ms)
    return pushOnce(clients, push)
  }
}
