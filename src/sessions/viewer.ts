import { GatewayError } from '../platform/errors.ts'
import { type AccountSession, type Client, reachedAccount } from './client.ts'

/**
 * What a request's token proves: a client with its accounts, or the one session of a developer token.
 */
export type Caller = { client: Client; session: null } | { client: null; session: AccountSession }

/** The session that a request acts as. */
export type Viewer = {
  session: AccountSession
  /** What holds the token; null for a developer token. */
  client: Client | null
  /** Whether the request named the account, and did not leave it to the client's active one. */
  isNamed: boolean
}

/**
 * Who a request acts as: the account that it names (`Atgate-Account`), else the active one of its client. Null when the
 * request proves nobody, or when the active account has ended: nobody is put in its place.
 * @throws GatewayError ACCOUNT_CHANGED when the named account is not signed in here
 */
export function viewerOf(caller: Caller | null, named: string | null): Viewer | null {
  const isNamed = named !== null
  const did = named ?? caller?.client?.group.activeDid ?? caller?.session?.did
  const session = caller === null || did === undefined ? undefined : sessionOf(caller, did)
  if (session !== undefined && caller !== null) return { session, client: caller.client, isNamed }
  if (isNamed) throw accountChanged()
  return null
}

function sessionOf({ client, session }: Caller, did: string): AccountSession | undefined {
  if (client !== null) return reachedAccount(client, did)
  return session.did === did ? session : undefined
}

export function accountChanged(): GatewayError {
  return new GatewayError(
    'ACCOUNT_CHANGED',
    'This account is not signed in here any more. Choose another one, or sign in again.',
  )
}

/** Nobody is signed in; or somebody is, but the active account has ended. */
export function unauthenticated(caller: Caller | null): GatewayError {
  if (caller === null) {
    return new GatewayError('UNAUTHENTICATED', 'Nobody is signed in, or the session has ended. Sign in first.')
  }
  return new GatewayError(
    'UNAUTHENTICATED',
    'The active account was signed out. Switch to another of linkedAccounts, or sign in again.',
    { reason: 'ACCOUNT_SIGNED_OUT' },
  )
}

/** What a developer token may not do: it acts for scripts, not for the person. */
export function forbiddenForDeveloperTokens(): GatewayError {
  return new GatewayError('FORBIDDEN', 'A developer token cannot do this. Sign in with a browser or an SDK session.')
}
