import { UNREACHABLE } from '../api/client.ts'

/** Whom to sign in, or where to create an account. */
export type SignInRequest = { handle: string } | { pds_url: string }

/**
 * Begins to sign in or to create an account, and gives the page of the authorization server to go to. Asked as JSON, so that what
 * is wrong can be said where it was entered.
 * @throws Error whose message is for people to read
 */
export async function startSignIn(request: SignInRequest): Promise<string> {
  const query = new URLSearchParams({ ...request, return_to: location.pathname })
  const response = await fetch(`/auth/start?${query}`, { headers: { accept: 'application/json' } }).catch(() => null)
  if (response === null) throw new Error(UNREACHABLE)
  const answer = (await response.json().catch(() => ({}))) as { authUrl?: string; message?: string }
  if (answer.authUrl === undefined) throw new Error(answer.message ?? UNREACHABLE)
  return answer.authUrl
}
