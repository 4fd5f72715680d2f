import { UNREACHABLE } from '../api/client.ts'
import { returnAddress } from './next.ts'

/** The account to sign in, whose server may be told to ask for the password anew; or the server to create one on. */
export type SignInRequest = { handle: string; prompt?: 'login' } | { pds_url: string }

/**
 * Starts a sign-in or an account creation, and returns the URL of the authorization server's page. Requests JSON, so
 * that the form can show an error beside the field.
 * @throws Error whose message is for people to read
 */
export async function startSignIn(request: SignInRequest): Promise<string> {
  const query = new URLSearchParams({ ...request, return_to: returnAddress() })
  const response = await fetch(`/auth/start?${query}`, { headers: { accept: 'application/json' } }).catch(() => null)
  if (response === null) throw new Error(UNREACHABLE)
  const answer = (await response.json().catch(() => ({}))) as { authUrl?: string; message?: string }
  if (answer.authUrl === undefined) throw new Error(answer.message ?? UNREACHABLE)
  return answer.authUrl
}
