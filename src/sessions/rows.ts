import { newId } from '../platform/random.ts'
import type { Prisma, PrismaClient, Session } from '../store/sql/generated/client.ts'
import type { SessionChange } from './changes.ts'
import { mintDeveloperToken } from './token.ts'
import { TokenRows } from './token-rows.ts'

/** Who is active in a group whose active account was forgotten: no DID, so that nobody has it. */
const NOBODY = ''

/** A session that was ended. Its grant is then to be revoked. */
export type EndedSession = Pick<Session, 'id' | 'did' | 'grantId' | 'groupId'> & {
  /** Whether it was the active account of its group. */
  wasActive: boolean
}

/** A session as a callback makes it: awaiting its exchange, in no group and without a secret. */
export type AwaitingSession = Pick<
  Session,
  'kind' | 'name' | 'did' | 'grantId' | 'userAgent' | 'askedScope' | 'createdAt' | 'expiresAt'
>

/** Where an exchanged session goes. */
export type Place = { groupId: string; now: Date } & Partial<
  Pick<Session, 'linkedAt' | 'authenticatedAt' | 'upgradeScopes' | 'upgradeAskedAt'>
>

/**
 * The one writer of Session and SessionGroup, and of ClientToken through `tokens`, within a transaction. Locks are taken
 * in one order, so that no two transactions wait for each other: groups by id, then sessions by id. Tokens are written
 * under the lock of their group.
 */
export class SessionRows {
  readonly tx: Prisma.TransactionClient
  readonly tokens: TokenRows
  /** The sessions that this transaction has ended. */
  readonly ended: EndedSession[] = []
  /** The ids of all sessions that this transaction has written, ended ones included. */
  readonly changedIds = new Set<string>()
  /** What the clients of a group are told after the commit, where it does not follow from the sessions that ended. */
  readonly announcements: SessionChange[] = []
  /** Who is active in each locked group. */
  readonly #lockedGroups = new Map<string, string>()
  readonly #changedGroups = new Set<string>()
  /** The accounts that are written with the sessions of this transaction. */
  readonly #accounts = new Set<string>()

  constructor(tx: Prisma.TransactionClient) {
    this.tx = tx
    this.tokens = new TokenRows(tx)
  }

  /** Locks groups until the transaction ends: changes of a group, its sessions and its tokens go one at a time. */
  async lockGroups(ids: readonly string[]): Promise<void> {
    const missing = [...new Set(ids)].filter((id) => !this.#lockedGroups.has(id))
    if (missing.length === 0) return
    const rows = await this.tx.$queryRaw<{ id: string; activeDid: string }[]>`
      SELECT "id", "activeDid" FROM "SessionGroup" WHERE "id" = ANY(${missing}::text[]) ORDER BY "id" FOR UPDATE`
    for (const { id, activeDid } of rows) this.#lockedGroups.set(id, activeDid)
  }

  /** Whether a group that was to be locked exists. */
  hasGroup(id: string): boolean {
    return this.#lockedGroups.has(id)
  }

  /** The ids of all that this transaction may have changed: its groups, its sessions, and their accounts. */
  concernedIds(): string[] {
    return [...this.#lockedGroups.keys(), ...this.changedIds, ...this.#accounts]
  }

  /** Raises the version of every group that this transaction has changed. Called once, before the commit. */
  async raiseVersions(): Promise<void> {
    const where = { id: { in: [...this.#changedGroups] } }
    if (this.#changedGroups.size > 0) {
      await this.tx.sessionGroup.updateMany({ where, data: { version: { increment: 1 } } })
    }
  }

  /** Locks a session that awaits its exchange; null when there is none: it was exchanged, given up, or never was. */
  async takeAwaiting(id: string): Promise<Session | null> {
    const rows = await this.tx.$queryRaw<unknown[]>`
      SELECT 1 FROM "Session" WHERE "id" = ${id} AND "exchangedAt" IS NULL FOR UPDATE`
    return rows.length === 0 ? null : this.tx.session.findUniqueOrThrow({ where: { id } })
  }

  /** Writes a session that awaits its exchange. Its account is written in the same transaction. */
  async insertAwaiting(session: AwaitingSession): Promise<Session> {
    const { createdAt } = session
    const row = await this.tx.session.create({
      data: { id: newId(), linkedAt: createdAt, authenticatedAt: createdAt, ...session },
    })
    this.changedIds.add(row.id)
    this.#accounts.add(row.did)
    return row
  }

  /** Writes a new group. Nobody else can know of it before the transaction ends, so that it needs no lock. */
  async insertGroup(activeDid: string, now: Date): Promise<string> {
    const { id } = await this.tx.sessionGroup.create({ data: { id: newId(), activeDid, createdAt: now } })
    this.#lockedGroups.set(id, activeDid)
    return id
  }

  /** Puts an exchanged session into a locked group, without making its account the active one. */
  async join({ id }: Pick<Session, 'id'>, { now, groupId, ...place }: Place): Promise<Session> {
    this.changedIds.add(id)
    this.#changedGroups.add(groupId)
    return this.tx.session.update({ where: { id }, data: { groupId, ...place, exchangedAt: now, lastUsedAt: now } })
  }

  /** Makes an exchanged session the session of a developer token, and returns the token. */
  async mintDeveloperToken({ id }: Pick<Session, 'id'>, now: Date): Promise<string> {
    this.changedIds.add(id)
    const { text, secretHash } = mintDeveloperToken(id)
    await this.tx.session.update({ where: { id }, data: { secretHash, exchangedAt: now } })
    return text
  }

  /** Makes another account of a locked group the active one. */
  async activate(groupId: string, did: string): Promise<void> {
    this.#changedGroups.add(groupId)
    this.#lockedGroups.set(groupId, did)
    await this.tx.sessionGroup.updateMany({ where: { id: groupId }, data: { activeDid: did } })
  }

  /** Makes nobody active where this account is, and where a token is to make it so: in groups that this locks. */
  async forgetActive(did: string, groupIds: readonly string[]): Promise<void> {
    await this.lockGroups(groupIds)
    const ids = groupIds.filter((id) => this.hasGroup(id))
    for (const id of ids) {
      this.#changedGroups.add(id)
      if (this.#lockedGroups.get(id) === did) this.#lockedGroups.set(id, NOBODY)
    }
    await this.tx.sessionGroup.updateMany({ where: { id: { in: ids }, activeDid: did }, data: { activeDid: NOBODY } })
    await this.tokens.forgetActivations(did, ids)
  }

  /** Records what the scope upgrades of a session ask for. Its group must be locked. */
  async askForScopes(id: string, upgrade: Pick<Session, 'upgradeScopes' | 'upgradeAskedAt'>): Promise<void> {
    this.changedIds.add(id)
    await this.tx.session.updateMany({ where: { id }, data: upgrade })
  }

  /**
   * Ends sessions, and the groups that lose their last one, with their tokens.
   * @returns the sessions that this call has ended; one that another transaction ended first is not among them
   */
  async end(where: Prisma.SessionWhereInput): Promise<EndedSession[]> {
    const found = await this.tx.session.findMany({ where, select: { id: true, groupId: true } })
    if (found.length === 0) return []
    await this.lockGroups(found.flatMap(({ groupId }) => groupId ?? []))
    const ids = found.map(({ id }) => id)
    await this.tx.$queryRaw`SELECT 1 FROM "Session" WHERE "id" = ANY(${ids}::text[]) ORDER BY "id" FOR UPDATE`
    // Read again under the locks: one that was used or ended meanwhile is another matter.
    const current = await this.tx.session.findMany({
      where: { AND: [where, { id: { in: ids } }] },
      select: { id: true, did: true, grantId: true, groupId: true },
    })
    // One that has joined a group meanwhile is found by the next call: its group is not locked, and may not be now.
    const ending = current.filter(({ groupId }) => groupId === null || this.hasGroup(groupId))
    await this.tx.session.deleteMany({ where: { id: { in: ending.map(({ id }) => id) } } })
    const ended = ending.map((session) => ({ ...session, wasActive: this.#isActive(session) }))
    for (const session of ended) {
      this.ended.push(session)
      this.changedIds.add(session.id)
      if (session.groupId !== null) this.#changedGroups.add(session.groupId)
    }
    await this.deleteEmptyGroups(ended.flatMap(({ groupId }) => groupId ?? []))
    return ended
  }

  #isActive({ did, groupId }: Pick<Session, 'did' | 'groupId'>): boolean {
    return groupId !== null && this.#lockedGroups.get(groupId) === did
  }

  /** Deletes those of the locked groups that have no session, with their tokens. */
  async deleteEmptyGroups(ids: readonly string[]): Promise<void> {
    const deleted = await this.tx.$queryRaw<{ id: string }[]>`
      DELETE FROM "SessionGroup"
       WHERE "id" = ANY(${ids}::text[]) AND NOT EXISTS (SELECT 1 FROM "Session" WHERE "groupId" = "SessionGroup"."id")
   RETURNING "id"`
    for (const { id } of deleted) this.#changedGroups.delete(id)
  }
}

/**
 * Records that a session was used, and slides it, unless another request has just done so. One statement outside any
 * transaction, which takes no lock of a group and waits for none: a holder of the row is touching or ending it.
 * @param options `until`: to where it slides, never past its grant; null for a developer token, which has a fixed end
 * @returns whether this call has touched it
 */
export async function touchSession(
  db: Pick<PrismaClient, '$executeRaw'>,
  id: string,
  { until, unusedSince, now }: { until: Date | null; unusedSince: Date; now: Date },
): Promise<boolean> {
  const touched = await db.$executeRaw`
    UPDATE "Session"
       SET "lastUsedAt" = ${now}::timestamptz,
           "expiresAt" = CASE WHEN ${until}::timestamptz IS NULL THEN "Session"."expiresAt"
                              ELSE LEAST(${until}::timestamptz, "Grant"."expiresAt") END
      FROM "Grant"
     WHERE "Grant"."id" = "Session"."grantId"
       AND "Session"."id" = (SELECT "id" FROM "Session"
                              WHERE "id" = ${id} AND "expiresAt" > ${now}::timestamptz
                                AND ("lastUsedAt" IS NULL OR "lastUsedAt" <= ${unusedSince}::timestamptz)
                                FOR UPDATE SKIP LOCKED)`
  return touched > 0
}
