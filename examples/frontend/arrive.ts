import type { Outcome } from '../../web/flows/outcome.ts'
import { wordsForRefusal, wordsForSuccess } from '../../web/flows/words.ts'
import { ExchangeTokenDocument } from '../../web/generated/graphql.ts'
import type { Api } from './api.ts'

/** A notice about the flow that led here, and the developer token that the flow created, which is shown once. */
export type Arrival = { notice: string; developerToken: string | null }

/**
 * Trades the exchange token, if a flow returned with one, for the session. The response sets the cookie. Never rejects.
 */
export async function arrive(api: Api, outcome: Outcome): Promise<Arrival | null> {
  if (outcome === null) return null
  const { kind } = outcome
  if ('error' in outcome) return { notice: wordsForRefusal(kind, outcome.error), developerToken: null }
  try {
    const input = { exchangeToken: outcome.exchangeToken }
    const { account, sessionToken } = (await api.mutate(ExchangeTokenDocument, { input })).exchangeToken
    return { notice: wordsForSuccess(kind, account.handle), developerToken: sessionToken }
  } catch (error) {
    return { notice: api.problemOf(error), developerToken: null }
  }
}
