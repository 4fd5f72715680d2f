import { type AuditKind, audit, type ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { newId, newSecret } from '../platform/random.ts'
import { activateSession, lockGroup } from '../sessions/group.ts'
import { type Changed, endSessions } from '../sessions/rows.ts'
import { hashSecret, type SessionToken } from '../sessions/token.ts'
import type { Prisma, Session } from '../store/sql/generated/client.ts'
import type { PendingExchange } from './exchange-token.ts'
import type { Starter } from './starter.ts'

/** The awaiting session is gone, or what it was to join is. */
export class NotAdmitted extends Error {
  override readonly name = 'NotAdmitted'
}

/** An awaiting session at its exchange. */
export type Admission = {
  exchange: PendingExchange
  /** The session whose cookie the browser shows, if any. */
  shown: { id: string; groupId: string | null } | null
  client: ClientInfo
}

/** The token of the admitted session; null when it was admitted without becoming the active one. */
type Admitted = Promise<Changed<SessionToken | null>>

type Scene = { tx: Prisma.TransactionClient; clock: Gateway['clock']; now: Date; session: Session } & Admission

/**
 * Gives a session that awaits its exchange its place and its secret, and ends what it replaces.
 * @throws NotAdmitted
 */
export async function admitSession(
  tx: Prisma.TransactionClient,
  { clock }: Pick<Gateway, 'clock'>,
  admission: Admission,
): Admitted {
  const { sessionId, purpose } = admission.exchange
  const scene = { tx, clock, now: new Date(clock()), session: await takeAwaiting(tx, sessionId), ...admission }
  switch (purpose.kind) {
    case 'login':
    case 'create_account':
      return admitToNewGroup(scene)
    case 'add_account':
      return admitBesideOthers(scene, purpose.starter)
    case 'scope_upgrade':
      return admitInPlace(scene, purpose.starter)
    case 'developer_token':
      return admitAlone(scene)
  }
}

/** The database, too, lets an exchange happen once: a second one finds no session that awaits. */
async function takeAwaiting(tx: Prisma.TransactionClient, id: string): Promise<Session> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM "Session" WHERE "id" = ${id} AND "secretHash" IS NULL FOR UPDATE`
  if (rows.length === 0) throw new NotAdmitted(`session ${id} awaits no exchange`)
  return tx.session.findUniqueOrThrow({ where: { id } })
}

/** Signing in begins a group; the one whose cookie this browser loses ends, since nobody could reach it any more. */
async function admitToNewGroup(scene: Scene): Admitted {
  const { tx, now, session, shown } = scene
  const replacedGroup = shown?.groupId ?? null
  if (replacedGroup !== null) await lockGroup(tx, replacedGroup)
  const ended = replacedGroup === null ? [] : await endSessions(tx, { groupId: replacedGroup })
  for (const { id, did } of ended) await note(scene, 'session_replaced', { id, did })
  const group = await tx.sessionGroup.create({ data: { id: newId(), createdAt: now } })
  await note(scene, 'session_created', session)
  return { ended, result: await join(scene, { groupId: group.id, linkedAt: now, becomesActive: true }) }
}

/** Adding an account that is linked already replaces its session: a group never has twins. */
async function admitBesideOthers(scene: Scene, { groupId }: Starter): Admitted {
  const { tx, now, session, shown, exchange } = scene
  await requireGroup(tx, groupId)
  const active = await tx.session.findFirst({ where: { groupId, isActive: true } })
  const twin = await tx.session.findFirst({ where: { groupId, did: session.did } })
  const ended = twin === null ? [] : await endSessions(tx, { id: twin.id }, { keepGroup: true })
  await note(scene, 'account_added', session)
  // The cookie must end up with the active session. When another tab has just changed which that is, the answers may reach
  // the browser in any order: so the account is linked, and switching to it is left to the user.
  const isShown = active === null || active.id === shown?.id || active.id === twin?.id
  const becomesActive = exchange.binding.kind === 'challenge' || isShown
  const change = { groupId, kind: 'ACCOUNT_ADDED' } as const
  return { ended, change, result: await join(scene, { groupId, linkedAt: twin?.linkedAt ?? now, becomesActive }) }
}

/** An upgraded session takes the place of the one that it replaces, active or not. */
async function admitInPlace(scene: Scene, { groupId, did }: Starter): Admitted {
  const { tx } = scene
  await requireGroup(tx, groupId)
  const replaced = await tx.session.findFirst({ where: { groupId, did } })
  if (replaced === null) throw new NotAdmitted('the session to replace has ended')
  const ended = await endSessions(tx, { id: replaced.id }, { keepGroup: true })
  await note(scene, 'scope_upgraded', scene.session)
  const { linkedAt, isActive } = replaced
  const change = { groupId, kind: 'SCOPES_UPGRADED' } as const
  return { ended, change, result: await join(scene, { groupId, linkedAt, becomesActive: isActive }) }
}

/** A developer token is in no group, and touches none. */
async function admitAlone(scene: Scene): Admitted {
  await note(scene, 'developer_token_created', scene.session)
  return { ended: [], result: await activateSession(scene.tx, scene.session, scene.now) }
}

type Place = { groupId: string; linkedAt: Date; becomesActive: boolean }

async function join({ tx, now, session }: Scene, place: Place): Promise<SessionToken | null> {
  const { groupId, linkedAt, becomesActive } = place
  // Nobody is told this secret: it marks the session as exchanged until it is switched to, which makes another.
  const untold = { secretHash: hashSecret(newSecret()), lastUsedAt: now }
  const joined = await tx.session.update({ where: { id: session.id }, data: { groupId, linkedAt, ...untold } })
  return becomesActive ? activateSession(tx, joined, now) : null
}

async function requireGroup(tx: Prisma.TransactionClient, groupId: string): Promise<void> {
  if (!(await lockGroup(tx, groupId))) throw new NotAdmitted('the session group has ended')
}

function note({ tx, clock, client, session }: Scene, kind: AuditKind, { id, did }: { id: string; did: string }) {
  const detail = id === session.id ? {} : { detail: { by: session.id } }
  return audit(tx, { clock, client, kind, did, sessionId: id, ...detail })
}
