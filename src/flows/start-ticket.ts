import { hash } from 'node:crypto'
import type { Gateway } from '../gateway.ts'
import { MINUTE } from '../platform/clock.ts'
import { SealError } from '../store/sealing/sealer.ts'

/** How long the page that asks before a sign-in can be used. */
const TICKET_TTL = 10 * MINUTE

type Parts = {
  stores: Pick<Gateway['stores'], 'sealer'>
  runtime: Pick<Gateway['runtime'], 'clock'>
}

/** What a ticket is good for: one start, in one browser. */
export type TicketFor = { clientCookie: string; parameters: Readonly<Record<string, string>> }

/**
 * Makes the ticket by which the gateway's own page continues a start: proof that the person who sits at this browser
 * was asked about exactly these parameters. Authenticated by the sealing keys, so nothing is stored; it can be used
 * again, so that Back works.
 */
export function issueStartTicket({ stores, runtime }: Parts, ticketFor: TicketFor): Promise<string> {
  return stores.sealer.seal(runtime.clock() + TICKET_TTL, purposeOf(ticketFor))
}

/** Whether a ticket was made for this start and has not expired. */
export async function isValidStartTicket(
  { stores, runtime }: Parts,
  ticket: string,
  ticketFor: TicketFor,
): Promise<boolean> {
  try {
    const expiresAt = await stores.sealer.open(ticket, purposeOf(ticketFor))
    return typeof expiresAt === 'number' && expiresAt > runtime.clock()
  } catch (error) {
    if (error instanceof SealError) return false
    throw error
  }
}

/** The purpose that a ticket is sealed for. It is visible in the ticket, so the cookie stands in it as a hash. */
function purposeOf({ clientCookie, parameters }: TicketFor): string {
  const sorted = Object.entries(parameters).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `start:${hash('sha256', JSON.stringify([clientCookie, sorted]), 'base64url')}`
}
