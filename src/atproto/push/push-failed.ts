import { FetchResponseError, OAuthResponseError } from '@atproto/oauth-client-node'
import { SECOND } from '../../platform/clock.ts'
import { isUnreachable } from '../upstream-errors.ts'

/**
 * Why a server did not take an authorization request. `scope`: it does not grant one of the scopes. `client`: it cannot
 * read the client metadata, or does not accept it. `clock`: its time and ours are too far apart. `busy`: it asks to
 * come back. `unreachable`: no answer, or the answer of a server that is broken. `refused`: any other refusal.
 */
export type PushFailureKind = 'scope' | 'client' | 'clock' | 'busy' | 'unreachable' | 'refused'

/** A server did not take an authorization request. The cause is for the log. */
export class PushFailed extends Error {
  override readonly name = 'PushFailed'
  readonly kind: PushFailureKind
  /** In seconds, where a busy server says it. */
  readonly retryAfter: number | null

  constructor(kind: PushFailureKind, cause: unknown) {
    super(`authorization request not taken: ${kind}`, { cause })
    this.kind = kind
    const response = isResponse(cause) ? cause.response : null
    this.retryAfter = kind === 'busy' && response !== null ? retryAfterOf(response) : null
  }
}

/** The metadata of a server names an address that no browser may be sent to. */
export class UnusableAuthorizationEndpoint extends Error {
  override readonly name = 'UnusableAuthorizationEndpoint'
}

/** The failure that an error of the OAuth client means; null for an error that is not of a server. */
export function asPushFailure(error: unknown): PushFailed | null {
  if (error instanceof OAuthResponseError) return new PushFailed(kindOf(error), error)
  // Of a proxy before the server, whose answer is not JSON.
  if (error instanceof FetchResponseError && isBusy(error.response)) return new PushFailed('busy', error)
  const isOfServer = error instanceof UnusableAuthorizationEndpoint || isUnreachable(error) || isPlain(error)
  return isOfServer ? new PushFailed('unreachable', error) : null
}

/** By such an error the OAuth client says that it and the server, by its metadata, have no way in common. */
function isPlain(error: unknown): boolean {
  return error instanceof Error && Object.getPrototypeOf(error) === Error.prototype
}

function isResponse(error: unknown): error is OAuthResponseError | FetchResponseError {
  return error instanceof OAuthResponseError || error instanceof FetchResponseError
}

function isBusy({ status }: Pick<Response, 'status'>): boolean {
  return status === 429 || status === 503
}

/** The errors that say that the client itself is not accepted (RFC 6749 §5.2, RFC 7591 §3.2.2). */
const CLIENT_ERRORS = new Set([
  'invalid_client',
  'invalid_client_id',
  'invalid_client_metadata',
  'invalid_redirect_uri',
  'unauthorized_client',
])

/** The errors of signed proofs that are not valid yet, or no longer (RFC 9449 §5, RFC 7523 §3). */
const PROOF_ERRORS = new Set(['invalid_dpop_proof', 'invalid_client'])

/** RFC 6749 §4.1.2.1; `slow_down` is RFC 8628's word for the same. */
const BUSY_ERRORS = new Set(['temporarily_unavailable', 'slow_down'])

/** In milliseconds. Servers that are strict allow ten seconds. */
const CLOCKS_AGREE = 10 * SECOND

function kindOf({ error = '', response }: OAuthResponseError): PushFailureKind {
  if (error === 'invalid_scope') return 'scope'
  if (PROOF_ERRORS.has(error) && Math.abs(clockDifference(response)) > CLOCKS_AGREE) return 'clock'
  if (CLIENT_ERRORS.has(error)) return 'client'
  if (BUSY_ERRORS.has(error) || isBusy(response)) return 'busy'
  return response.status >= 500 ? 'unreachable' : 'refused'
}

/** By how many milliseconds the server's clock is ahead of the system's, which the proofs are dated by. */
export function clockDifference({ headers }: Pick<Response, 'headers'>): number {
  const date = Date.parse(headers.get('date') ?? '')
  return Number.isNaN(date) ? 0 : date - Date.now()
}

/** `Retry-After` in seconds (RFC 9110 §10.2.3); null for a date, which few servers send, and for nonsense. */
function retryAfterOf({ headers }: Response): number | null {
  const text = headers.get('retry-after')?.trim() ?? ''
  return /^\d{1,6}$/.test(text) ? Number(text) : null
}

/** The server does not grant one of these scopes, without which the flow is in vain. */
export class ScopesRefused extends Error {
  override readonly name = 'ScopesRefused'
  readonly scopes: readonly string[]

  constructor(scopes: readonly string[], cause: unknown) {
    super('scopes refused', { cause })
    this.scopes = scopes
  }
}
