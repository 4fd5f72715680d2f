import type { RefusalCode } from '../atproto/authorization.ts'

/** Why a flow failed, as the frontend is told in `auth_error` (docs/errors.md). */
export type AuthErrorCode =
  | RefusalCode
  | 'expired'
  | 'client_mismatch'
  | 'account_mismatch'
  | 'scope_missing'
  | 'temporarily_unavailable'

/** A flow that ends at its callback without a session. */
export class FlowRefused extends Error {
  override readonly name = 'FlowRefused'
  readonly code: AuthErrorCode
  /** What else the frontend is told. */
  readonly outcome: Readonly<Record<string, string>>

  constructor(code: AuthErrorCode, outcome: Readonly<Record<string, string>> = {}) {
    super(code)
    this.code = code
    this.outcome = outcome
  }
}
