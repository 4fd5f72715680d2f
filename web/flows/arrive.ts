import type { Client } from 'urql'
import { problemOf } from '../api/client.ts'
import { ExchangeTokenDocument } from '../generated/graphql.ts'
import type { Notice, NoticeAction } from '../parts/notice.tsx'
import { NEXT_URL } from '../session/page-facts.ts'
import { setTabAccount } from '../session/tab-account.ts'
import { goOnAs } from './go-on-as.ts'
import { goOn } from './next.ts'
import type { Outcome } from './outcome.ts'
import { wordsForRefusal, wordsForSuccess } from './words.ts'

/**
 * How this page starts: a notice about the flow that led here, and the secret of the developer token that the flow
 * created.
 */
export type Arrival = { notice: Notice | null; developerToken: string | null }

/**
 * Trades the exchange token, if a flow returned with one, for the session, and goes on to where the sign-in was wanted.
 * Never rejects: a failure becomes a notice.
 */
export async function arrive(client: Client, outcome: Outcome): Promise<Arrival> {
  if (outcome === null) return { notice: null, developerToken: null }
  const { kind } = outcome
  if ('error' in outcome) {
    const { error, account } = outcome
    return refused(wordsForRefusal(kind, error), account === null ? null : goOnAs(client, kind, account))
  }
  const input = { exchangeToken: outcome.exchangeToken }
  const { data, error } = await client.mutation(ExchangeTokenDocument, { input })
  if (error !== undefined) return refused(problemOf(error))
  if (!data) return refused(wordsForRefusal(kind, 'failed'))
  const { account, sessionToken } = data.exchangeToken
  // Signing in and adding an account make it the active one. Other flows leave this tab with the account that it has.
  if (account.isActive) setTabAccount(account.did)
  // A developer token is shown once, here.
  if (NEXT_URL !== null && sessionToken === null) return goOn(NEXT_URL)
  return { notice: { tone: 'good', text: wordsForSuccess(kind, account.handle) }, developerToken: sessionToken }
}

function refused(text: string, action: NoticeAction | null = null): Arrival {
  return { notice: { tone: 'bad', text, ...(action && { action }) }, developerToken: null }
}
