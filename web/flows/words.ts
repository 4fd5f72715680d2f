import type { FlowKind } from './outcome.ts'

/** Why a flow was refused, for people: every `auth_error` of the gateway (docs/errors.md). */
const REASONS: Record<string, string> = {
  access_denied: 'You declined at your server.',
  invalid_scope: 'Your server does not grant what this app asks for.',
  expired: 'This took too long, or was already finished elsewhere. Please start again.',
  account_mismatch: 'You signed in at your server with another account than the one that you named here.',
  client_mismatch: 'This was started in another browser. Please start again in this one.',
  scope_missing: 'Your server did not grant everything that this app asked for.',
  upstream_unavailable: 'Your server could not be reached. Please try again later.',
  temporarily_unavailable: 'This service is briefly out of order. Please try again in a moment.',
  failed: 'Something went wrong. Please try again.',
}

const CONSEQUENCES: Record<FlowKind, string> = {
  login: 'Nothing has changed.',
  create_account: 'Nobody was signed in.',
  add_account: 'No account was added.',
  scope_upgrade: 'Your permissions have not changed.',
  developer_token: 'No token was created.',
}

/** Returns the message for a flow that was refused. */
export function wordsForRefusal(kind: FlowKind, error: string): string {
  return `${REASONS[error] ?? REASONS.failed} ${CONSEQUENCES[kind]}`
}

/** Returns the message for a flow that succeeded. */
export function wordsForSuccess(kind: FlowKind, handle: string): string {
  switch (kind) {
    case 'login':
    case 'create_account':
      return `You are signed in as ${handle}.`
    case 'add_account':
      return `${handle} was added.`
    case 'scope_upgrade':
      return `${handle} has the permissions that you allowed.`
    case 'developer_token':
      return 'The developer token was created.'
  }
}
