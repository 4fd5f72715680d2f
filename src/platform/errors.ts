/** Every error code that a client can see, with its HTTP status. docs/errors.md says what each means. */
export const ERROR_STATUS = {
  UNAUTHENTICATED: 401,
  SCOPE_UPGRADE_REQUIRED: 403,
  FORBIDDEN: 403,
  BAD_USER_INPUT: 400,
  INVALID_HANDLE: 400,
  HANDLE_NOT_FOUND: 404,
  PDS_UNAVAILABLE: 502,
  PDS_REFUSED: 502,
  ACCOUNT_CREATION_DISABLED: 403,
  ALREADY_LINKED: 409,
  ALREADY_ACTIVE: 409,
  ACCOUNT_CHANGED: 409,
  ACCOUNT_NOT_LINKED: 404,
  EXCHANGE_TOKEN_INVALID: 400,
  SCOPE_NOT_OFFERED: 400,
  TOKEN_NOT_FOUND: 404,
  AMBIGUOUS_PREFIX: 409,
  SESSION_NOT_FOUND: 404,
  NEEDS_REAUTHENTICATION: 401,
  RATE_LIMITED: 429,
  SERVICE_UNAVAILABLE: 503,
  RETRY: 503,
} as const

export type ErrorCode = keyof typeof ERROR_STATUS

/** Why, where a code alone does not say it. */
export type ErrorReason = 'ACCOUNT_SIGNED_OUT' | 'SCOPE_REFUSED' | 'CLIENT_REFUSED' | 'CLOCK_OFF' | 'ACCOUNT_UNKNOWN'

export type GatewayErrorOptions = {
  /** What caused the error. Logged, never shown. */
  cause?: unknown
  /** More for the log only. Contains no secrets. */
  detail?: string
  /** Seconds after which a retry makes sense. */
  retryAfter?: number
  /** Tells two cases of one code apart, for clients that treat them differently. */
  reason?: ErrorReason
  /** Scopes that the request needs and the session lacks. A scope upgrade can request them. */
  missingScopes?: readonly string[]
}

/**
 * An error that the client sees: its message says what was wrong and what to do. Any other error is masked where it
 * leaves the gateway.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly retryAfter: number | undefined
  readonly reason: ErrorReason | undefined
  readonly missingScopes: readonly string[] | undefined

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.detail = options.detail
    this.retryAfter = options.retryAfter
    this.reason = options.reason
    this.missingScopes = options.missingScopes
  }

  get status(): number {
    return ERROR_STATUS[this.code]
  }
}

/** A store that cannot be reached or does not respond in time. Callers must never treat this as "not found". */
export class StoreUnavailable extends GatewayError {
  constructor(store: 'database' | 'ephemeral store', cause: unknown) {
    super('SERVICE_UNAVAILABLE', 'The service is temporarily unavailable. Try again in a moment.', {
      cause,
      detail: `${store} unavailable`,
      retryAfter: 2,
    })
  }
}

/** Whether an error carries this `code`, as those of Node.js and of most drivers do. */
export function hasErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
