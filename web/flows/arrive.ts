import type { Client } from 'urql'
import { problemOf } from '../api/client.ts'
import { ExchangeTokenDocument } from '../generated/graphql.ts'
import type { Notice } from '../parts/notice.tsx'
import type { Outcome } from './outcome.ts'
import { wordsForRefusal, wordsForSuccess } from './words.ts'

/** What this page begins with: what to say of the flow that led here, and the secret of a developer token that it made. */
export type Arrival = { notice: Notice | null; developerToken: string | null }

/** Trades the exchange token, if a flow brought one, for the session. Never rejects: what went wrong is said. */
export async function arrive(client: Client, outcome: Outcome): Promise<Arrival> {
  if (outcome === null) return { notice: null, developerToken: null }
  const { kind } = outcome
  if ('error' in outcome) return refused(wordsForRefusal(kind, outcome.error))
  const input = { exchangeToken: outcome.exchangeToken }
  const { data, error } = await client.mutation(ExchangeTokenDocument, { input })
  if (error !== undefined) return refused(problemOf(error))
  if (!data) return refused(wordsForRefusal(kind, 'failed'))
  const { account, sessionToken } = data.exchangeToken
  return { notice: { tone: 'good', text: wordsForSuccess(kind, account.handle) }, developerToken: sessionToken }
}

function refused(text: string): Arrival {
  return { notice: { tone: 'bad', text }, developerToken: null }
}
