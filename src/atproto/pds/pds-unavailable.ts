import { GatewayError } from '../../platform/errors.ts'

/** The error of a PDS that cannot be reached, or does not answer as one does. */
export function pdsUnavailable(what: string, options: { cause?: unknown; detail?: string }): GatewayError {
  return new GatewayError('PDS_UNAVAILABLE', `The server of the account ${what}. Try again in a minute.`, {
    ...options,
    retryAfter: 60,
  })
}
