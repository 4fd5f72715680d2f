import type { Client } from 'urql'
import { problemOf, UNREACHABLE } from '../api/client.ts'
import { StartAddAccountDocument } from '../generated/graphql.ts'
import { returnAddress } from './next.ts'

/**
 * Starts to add an account, or to sign one in again, and returns the URL of the authorization server's page.
 * @param handle a handle or DID
 * @throws Error whose message is for people to read
 */
export async function startAddAccount(client: Client, handle: string): Promise<string> {
  const input = { handle, returnTo: returnAddress() }
  const { data, error } = await client.mutation(StartAddAccountDocument, { input })
  if (!data) throw new Error(error === undefined ? UNREACHABLE : problemOf(error))
  return data.startAddAccount.authUrl
}
