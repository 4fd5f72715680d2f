import type { ClientInfo } from '../audit/audit.ts'
import { addressKey } from '../platform/address.ts'
import type { SessionKind } from '../store/sql/generated/client.ts'
import type { Client } from './client.ts'
import { confirmFirstUse } from './first-use.ts'
import { peekClient, type ReadParts, readClient, readDeveloperToken } from './read-token.ts'
import { type ParsedToken, parseToken, secretMatches } from './token.ts'
import type { Caller } from './viewer.ts'
import type { ChangeParts } from './with-session-changes.ts'

/** The tokens that a request carries. */
export type PresentedTokens = { sessionCookie: string | null; authorization: string | null }

/** A token, and what it came as. */
type Presented = { token: ParsedToken; as: 'cookie' | 'bearer' }

/**
 * Finds out what a request's token proves, in one database query or none. A bearer token (RFC 6750 §2.1) counts before a
 * cookie; other schemes of authorization are none of the gateway's business. Nothing is written but the first use of a
 * token.
 * @throws GatewayError RATE_LIMITED when the address has sent too many tokens that are not valid
 */
export async function authenticate(
  parts: ChangeParts,
  { client, ...tokens }: PresentedTokens & { client: ClientInfo },
): Promise<Caller | null> {
  const presented = presentedToken(tokens)
  // What does not even have the form of a token costs no query, and is not counted.
  if (presented === null) return null
  const address = addressKey(client.ip)
  requireFewFailures(parts, presented.token, address)
  const caller = await callerOf(parts, presented)
  if (caller === null) await countFailure(parts, presented.token, address)
  else parts.runtime.provenTokens.add(presented.token)
  if (caller === null || caller.client === null || caller.client.token.confirmedAt !== null) return caller
  await confirmFirstUse(parts, { token: caller.client.token, client })
  // What this request may reach, and who is active, follows from the first use.
  return callerOf(parts, presented)
}

/** The client that a session cookie proves, without counting as a use of its token; null when it proves none. */
export async function clientOfCookie(parts: ReadParts, sessionCookie: string | null): Promise<Client | null> {
  const presented = presentedAs('cookie', sessionCookie)
  return presented && ((await callerOf(parts, presented))?.client ?? null)
}

/** The bearer token of a request, which counts before a cookie; undefined when its `Authorization` has none. */
export function bearerToken(authorization: string | null | undefined): string | undefined {
  return /^Bearer +(.*)$/i.exec(authorization ?? '')?.[1]?.trim()
}

function presentedToken({ sessionCookie, authorization }: PresentedTokens): Presented | null {
  const bearer = bearerToken(authorization)
  return bearer === undefined ? presentedAs('cookie', sessionCookie) : presentedAs('bearer', bearer)
}

/** Null when the text does not have the form of a token. */
function presentedAs(as: Presented['as'], text: string | null): Presented | null {
  const token = text === null ? null : parseToken(text)
  return token && { token, as }
}

/**
 * Refuses an address with too many wrong tokens, before the query that each costs. With a token that was good the last
 * time it goes on, since others may be behind the same address.
 * @throws GatewayError RATE_LIMITED
 */
function requireFewFailures({ runtime }: ChangeParts, token: ParsedToken, address: string): void {
  const { limits, provenTokens } = runtime
  if (limits.failures.isReached(address) && !provenTokens.has(token)) limits.failures.requireBelow(address)
}

/** @throws GatewayError RATE_LIMITED */
async function countFailure({ runtime }: ChangeParts, token: ParsedToken, address: string): Promise<void> {
  runtime.provenTokens.delete(token)
  await runtime.limits.failures.consume(address)
}

/** What a token proves, without counting as a use of it; null when it proves nobody, or came as the wrong thing. */
export function callerOf(parts: ReadParts, { token, as }: Presented): Promise<Caller | null> {
  if (!token.isDeveloperToken) return clientCaller(parts, token, as)
  return as === 'bearer' ? developerCaller(parts, token) : Promise.resolve(null)
}

async function clientCaller(
  parts: ReadParts,
  { id, secret }: ParsedToken,
  as: Presented['as'],
): Promise<Caller | null> {
  const client = peekClient(parts, id) ?? (await readClient(parts, id))
  if (client === null || !secretMatches(secret, client.token.secretHash)) return null
  // Whose last session has expired is nobody, whether or not housekeeping has ended the group.
  if (client.accounts.length === 0) return null
  return client.token.kind === KIND_OF_TRANSPORT[as] ? { client, session: null } : null
}

/**
 * What page script could read of a browser's token, or plant as a cookie of a browser, is worth nothing there.
 */
const KIND_OF_TRANSPORT: Record<Presented['as'], SessionKind> = { cookie: 'BROWSER', bearer: 'SDK' }

async function developerCaller(parts: ReadParts, { id, secret }: ParsedToken): Promise<Caller | null> {
  const session = await readDeveloperToken(parts, id)
  if (session === null || session.expiresAt.getTime() <= parts.runtime.clock()) return null
  if (session.secretHash === null || !secretMatches(secret, session.secretHash)) return null
  return { client: null, session }
}
