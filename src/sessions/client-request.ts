import type { ClientInfo } from '../audit/audit.ts'
import type { PresentedTokens } from './authenticate.ts'

/** What the gateway reads of a request, whichever way it came in. */
export type ClientRequest = PresentedTokens & {
  /** The id under which the log has this request. */
  id: string
  clientCookie: string | null
  /** The DID of the account that the request names to act as (`Atgate-Account`). */
  account: string | null
  client: ClientInfo
}

/** Writes the gateway's two cookies to an answer. */
export interface ClientCookies {
  setSession(sessionToken: string): void
  clearSession(): void
  setClient(clientCookie: string): void
}
