import { auditForgotten, deleteAuditEventsOf } from '../audit/audit.ts'
import { HOUR } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Prisma, Session } from '../store/sql/generated/client.ts'
import type { AccountSession, Client } from './client.ts'
import type { Viewer } from './viewer.ts'
import { type ClientChange, requireStillSignedIn, withClientChanges } from './with-client-changes.ts'
import type { ChangeParts } from './with-session-changes.ts'

/** How long ago the account may have proved at its server who it is. */
const RECENTLY = 1 * HOUR

/** How many sessions or groups a transaction changes at most: an account may have any number, and a transaction 15 s. */
const BATCH = 500

/** How many audit events a statement deletes at most. */
const EVENTS = 5000

type Forgetting = { client: Client; viewer: Viewer; did: string }

/**
 * Ends every session and developer token of the account that the client acts as, in every client, and deletes what is
 * known of the account. Its grants hold the DID until they are revoked.
 *
 * The caller's own group goes with the last transaction, together with the account. So whatever stops the work before,
 * the caller is still signed in, and calling again finishes: each step looks for what is left. Each checks under the lock
 * of the caller's group that the caller is still signed in.
 * @returns whether the client has no account left
 * @throws GatewayError BAD_USER_INPUT, NEEDS_REAUTHENTICATION, ACCOUNT_CHANGED, UNAUTHENTICATED
 */
export async function forgetAccount(gateway: ChangeParts, forgetting: Forgetting): Promise<{ isSignedOut: boolean }> {
  const { viewer, did } = forgetting
  requireOwnAccount(viewer, did)
  requireRecentSignIn(viewer.session, gateway.runtime.clock())
  while (await endBatch(gateway, forgetting)) {}
  while (await leaveBatch(gateway, forgetting)) {}
  while ((await deleteAuditEventsOf(gateway.stores.db, { did, take: EVENTS })) === EVENTS) {}
  const outcome = await endTheRest(gateway, forgetting)
  // What exceeds the places for grants that are revoked at once.
  void gateway.atproto.revocations.resume()
  return outcome
}

/** Whether the account proved at its server within the last hour who it is. */
export function isRecentlyAuthenticated({ authenticatedAt }: Pick<Session, 'authenticatedAt'>, now: number): boolean {
  return now - authenticatedAt.getTime() <= RECENTLY
}

/** Nobody forgets the account of somebody else, nor by mistake another one of theirs. */
function requireOwnAccount({ session }: Viewer, did: string): void {
  if (session.did === did) return
  throw new GatewayError(
    'BAD_USER_INPUT',
    'That is not the account that this request acts as. Name it in Atgate-Account, or switch to it first.',
  )
}

/** Somebody who finds a browser that is signed in must not be able to destroy what belongs to its owner. */
function requireRecentSignIn(session: AccountSession, now: number): void {
  if (isRecentlyAuthenticated(session, now)) return
  throw new GatewayError(
    'NEEDS_REAUTHENTICATION',
    'Sign in again first. This cannot be undone, and the last sign-in is more than an hour ago.',
  )
}

/**
 * Ends some of the sessions that are not in the caller's group.
 * @returns whether there may be more
 */
async function endBatch(gateway: ChangeParts, { client, viewer, did }: Forgetting): Promise<boolean> {
  const where = elsewhere(client, did)
  const found = await gateway.stores.db.session.findMany({ where, select: { id: true, groupId: true }, take: BATCH })
  if (found.length === 0) return false
  const groups = found.flatMap(({ groupId }) => groupId ?? [])
  await withClientChanges(gateway, { client, groups }, async ({ rows, client: current }) => {
    requireStillSignedIn(current, viewer)
    await rows.end({ did, id: { in: found.map(({ id }) => id) } })
  })
  return true
}

/**
 * Takes the account's name from some of the groups in which it was active, or was to become so.
 * @returns whether there may be more
 */
async function leaveBatch(gateway: ChangeParts, { client, viewer, did }: Forgetting): Promise<boolean> {
  const groups = await groupsThatName(gateway.stores.db, did)
  const others = groups.filter((id) => id !== client.group.id)
  if (others.length === 0) return false
  await withClientChanges(gateway, { client, groups: others }, async ({ rows, client: current }) => {
    requireStillSignedIn(current, viewer)
    await rows.forgetActive(did, others)
  })
  return true
}

async function endTheRest(
  gateway: ChangeParts,
  { client, viewer, did }: Forgetting,
): Promise<{ isSignedOut: boolean }> {
  const sessions = await gateway.stores.db.session.findMany({ where: { did }, select: { groupId: true } })
  const groups = sessions.flatMap(({ groupId }) => groupId ?? [])
  return withClientChanges(gateway, { client, groups }, async (change) => {
    requireRecentSignIn(requireStillSignedIn(change.client, viewer), change.now.getTime())
    return deleteAccount(change, did)
  })
}

/**
 * A sign-in whose callback is writing has locked the account: it is waited for, and its session ends with the others. One
 * whose callback comes later waits for this, and makes the account known anew: its owner has allowed that at the server.
 */
async function deleteAccount({ rows, client, now }: ClientChange, did: string): Promise<{ isSignedOut: boolean }> {
  await rows.tx.$queryRaw`SELECT 1 FROM "Account" WHERE "did" = ${did} FOR UPDATE`
  // Again for one whose exchange was writing: only then it is known in which group it is.
  do await rows.end({ did })
  while ((await rows.tx.session.count({ where: { did } })) > 0)
  await rows.forgetActive(did, await groupsThatName(rows.tx, did))
  await rows.tx.auditEvent.deleteMany({ where: { did } })
  await rows.tx.account.deleteMany({ where: { did } })
  await auditForgotten(rows.tx, now)
  const left = await rows.tx.sessionGroup.count({ where: { id: client.group.id } })
  return { isSignedOut: left === 0 }
}

/** Sessions that are not in the caller's group. Developer tokens and sessions that await their exchange are in none. */
function elsewhere({ group }: Client, did: string): Prisma.SessionWhereInput {
  return { did, OR: [{ groupId: null }, { groupId: { not: group.id } }] }
}

/** Groups that name the account as active, or in a token that is to make it so. At most a batch. */
async function groupsThatName(db: Pick<Prisma.TransactionClient, '$queryRaw'>, did: string): Promise<string[]> {
  const groups = await db.$queryRaw<{ id: string }[]>`
    (SELECT "id" FROM "SessionGroup" WHERE "activeDid" = ${did} LIMIT ${BATCH}::int)
     UNION
    (SELECT "groupId" FROM "ClientToken" WHERE "activatesDid" = ${did} LIMIT ${BATCH}::int)`
  return groups.map(({ id }) => id)
}
