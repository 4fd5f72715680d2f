import { OAuthResponseError } from '@atproto/oauth-client-node'
import { MINUTE, SECOND } from '../../platform/clock.ts'
import { GatewayError } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import { clockDifference, PushFailed, ScopesRefused } from './push-failed.ts'

type Context = {
  /** Whose server it is, as the person has named it. */
  input: string
  logger: Pick<Logger, 'error'>
  isAccountKnown(): Promise<boolean>
}

/**
 * What the person is told of a push that failed, and what the operator is. Errors that are not of a server are returned
 * as they are.
 */
export async function asGatewayError(error: unknown, context: Context): Promise<unknown> {
  if (error instanceof ScopesRefused) return scopesRefused(error, context)
  if (!(error instanceof PushFailed)) return error
  switch (error.kind) {
    case 'client':
      return clientRefused(error, context)
    case 'clock':
      return clockOff(error, context)
    case 'busy':
      return busy(error, context)
    case 'unreachable':
      return unreachable(error, context)
    case 'scope':
    case 'refused':
      return (await context.isAccountKnown()) ? refused(error, context) : accountUnknown(error, context)
  }
}

/** Words such as these are all that a person can do something with. */
const ASK = 'Tell the people who run this app; its log says more.'

function scopesRefused({ scopes, cause }: ScopesRefused, { input }: Context): GatewayError {
  return new GatewayError(
    'PDS_REFUSED',
    `The server of ${input} does not grant what is asked for: ${scopes.join(', ')}. It may be too old to know it.`,
    { reason: 'SCOPE_REFUSED', cause },
  )
}

/** Without the operator nobody can sign in at that server, and perhaps nowhere: so it is an error in the log. */
function clientRefused({ cause }: PushFailed, { input, logger }: Context): GatewayError {
  logger.error(
    { ...reasonOf(cause), account: input },
    'an authorization server refuses this client: it must be able to fetch the client metadata at PUBLIC_URL',
  )
  return new GatewayError('PDS_REFUSED', `The server of ${input} does not accept this app. ${ASK}`, {
    reason: 'CLIENT_REFUSED',
    cause,
  })
}

function clockOff({ cause }: PushFailed, { input, logger }: Context): GatewayError {
  const ms = cause instanceof OAuthResponseError ? clockDifference(cause) : 0
  const seconds = Math.round(ms / SECOND)
  logger.error(
    { ...reasonOf(cause), account: input, seconds },
    'the clock of this machine differs from that of an authorization server: set it by NTP',
  )
  const minutes = Math.max(1, Math.round(Math.abs(ms) / MINUTE))
  return new GatewayError(
    'PDS_REFUSED',
    `The clocks of this app and of the server of ${input} are ${minutes} min apart, so it takes no sign-in. ${ASK}`,
    { reason: 'CLOCK_OFF', cause },
  )
}

/** In seconds, where the server does not say it. */
const RETRY_AFTER = 30

function busy({ cause, retryAfter }: PushFailed, { input }: Context): GatewayError {
  const seconds = retryAfter ?? RETRY_AFTER
  return new GatewayError('PDS_UNAVAILABLE', `The server of ${input} is busy. Try again in ${seconds} seconds.`, {
    cause,
    retryAfter: seconds,
  })
}

function unreachable({ cause }: PushFailed, { input }: Context): GatewayError {
  return new GatewayError(
    'PDS_UNAVAILABLE',
    `The server of ${input} does not answer, or not as it should. Try again later.`,
    { cause },
  )
}

function accountUnknown({ cause }: PushFailed, { input }: Context): GatewayError {
  return new GatewayError(
    'PDS_REFUSED',
    `The server of ${input} does not know this account. It was deleted there, or its move is not finished.`,
    { reason: 'ACCOUNT_UNKNOWN', cause },
  )
}

function refused({ cause }: PushFailed, { input }: Context): GatewayError {
  return new GatewayError('PDS_REFUSED', `The server of ${input} refuses to begin a sign-in. ${ASK}`, { cause })
}

/** In characters. The text is the server's. */
const LONGEST_REASON = 500

function reasonOf(cause: unknown): { error?: string; reason?: string; host?: string } {
  if (!(cause instanceof OAuthResponseError)) return {}
  const { error = '', errorDescription = '', response } = cause
  return { error, reason: errorDescription.slice(0, LONGEST_REASON), host: URL.parse(response.url)?.host ?? '' }
}
