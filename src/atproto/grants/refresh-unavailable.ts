import { GatewayError } from '../../platform/errors.ts'

/** A grant that cannot be refreshed now, through no fault of its own: it is kept, and tried again. */
export function refreshUnavailable(detail: string, cause?: unknown): GatewayError {
  return new GatewayError(
    'SERVICE_UNAVAILABLE',
    'The access to the account cannot be renewed right now. Try again in a moment.',
    { detail, retryAfter: 10, ...(cause === undefined ? {} : { cause }) },
  )
}
