import { SECOND } from '../platform/clock.ts'
import { newId, newSecret } from '../platform/random.ts'
import { Prisma, type Session } from '../store/sql/generated/client.ts'
import { hashSecret, type SessionToken } from './token.ts'

/** How long a replaced secret still authenticates, so that requests in flight in other tabs do not fail. */
export const GRACE = 10 * SECOND

/** A session that was ended. Its grant is then to be revoked. */
export type EndedSession = Pick<Session, 'id' | 'did' | 'grantId' | 'groupId' | 'isActive'>

/** A session as a callback makes it: awaiting its exchange, in no group and without a secret. */
export type AwaitingSession = Pick<
  Session,
  'kind' | 'name' | 'did' | 'grantId' | 'userAgent' | 'createdAt' | 'expiresAt'
>

/** Where an exchanged session goes. */
export type Place = { groupId: string; linkedAt: Date; now: Date }

/**
 * The one writer of Session and SessionGroup, within a transaction. Locks are taken in one order, so that no two
 * transactions wait for each other: groups by id, then sessions by id.
 */
export class SessionRows {
  readonly tx: Prisma.TransactionClient
  /** The sessions that this transaction has ended. */
  readonly ended: EndedSession[] = []
  /** The ids of all sessions that this transaction has written, ended ones included. */
  readonly changedIds = new Set<string>()
  readonly #lockedGroups = new Set<string>()

  constructor(tx: Prisma.TransactionClient) {
    this.tx = tx
  }

  /**
   * Locks groups until the transaction ends: changes of which sessions a group has, and which is active, go one at a
   * time.
   */
  async lockGroups(ids: readonly string[]): Promise<void> {
    const missing = [...new Set(ids)].filter((id) => !this.#lockedGroups.has(id))
    if (missing.length === 0) return
    const rows = await this.tx.$queryRaw<{ id: string }[]>`
      SELECT "id" FROM "SessionGroup" WHERE "id" IN (${Prisma.join(missing)}) ORDER BY "id" FOR UPDATE`
    for (const { id } of rows) this.#lockedGroups.add(id)
  }

  /** Whether a group that was to be locked exists. */
  hasGroup(id: string): boolean {
    return this.#lockedGroups.has(id)
  }

  /** Locks a session that awaits its exchange; null when there is none: it was exchanged, given up, or never was. */
  async takeAwaiting(id: string): Promise<Session | null> {
    const rows = await this.tx.$queryRaw<unknown[]>`
      SELECT 1 FROM "Session" WHERE "id" = ${id} AND "secretHash" IS NULL FOR UPDATE`
    return rows.length === 0 ? null : this.tx.session.findUniqueOrThrow({ where: { id } })
  }

  /** Writes a session that awaits its exchange. */
  async insertAwaiting(session: AwaitingSession): Promise<Session> {
    const row = await this.tx.session.create({ data: { id: newId(), linkedAt: session.createdAt, ...session } })
    this.changedIds.add(row.id)
    return row
  }

  /** Writes a new group. Nobody else can know of it before the transaction ends, so that it needs no lock. */
  async insertGroup(now: Date): Promise<string> {
    const { id } = await this.tx.sessionGroup.create({ data: { id: newId(), createdAt: now } })
    this.#lockedGroups.add(id)
    return id
  }

  /** Puts an exchanged session into a locked group, without making it the active one. */
  async join({ id }: Pick<Session, 'id'>, { groupId, linkedAt, now }: Place): Promise<Session> {
    this.changedIds.add(id)
    // No client ever holds this secret. It marks the session as exchanged until a switch to it makes another.
    const secretHash = hashSecret(newSecret())
    return this.tx.session.update({ where: { id }, data: { groupId, linkedAt, lastUsedAt: now, secretHash } })
  }

  /**
   * Makes a session the one that its client uses, with a new secret, in place of the active one of its group.
   * The group must be locked.
   */
  async activate({ id, kind, groupId, secretHash, graceUntil }: Session, now: Date): Promise<SessionToken> {
    if (groupId !== null) await this.#deactivate(groupId, now)
    this.changedIds.add(id)
    const secret = newSecret()
    const inGrace = graceUntil !== null && graceUntil > now
    await this.tx.session.update({
      where: { id },
      data: {
        secretHash: hashSecret(secret),
        formerHash: inGrace ? secretHash : null,
        isActive: true,
        // A developer token that was created has not been used yet.
        lastUsedAt: kind === 'DEVELOPER_TOKEN' ? null : now,
      },
    })
    return { id, secret }
  }

  /** The active session's secret keeps authenticating during the grace period; an older one of it does not. */
  async #deactivate(groupId: string, now: Date): Promise<void> {
    const replaced = await this.tx.session.updateManyAndReturn({
      where: { groupId, isActive: true },
      data: { isActive: false, formerHash: null, graceUntil: new Date(now.getTime() + GRACE) },
      select: { id: true },
    })
    for (const { id } of replaced) this.changedIds.add(id)
  }

  /**
   * Ends sessions, and the groups that lose their last one.
   * @param options `keepGroup`: another session is about to take the place
   * @returns the sessions that this call has ended; one that another transaction ended first is not among them
   */
  async end(where: Prisma.SessionWhereInput, { keepGroup = false } = {}): Promise<EndedSession[]> {
    const found = await this.tx.session.findMany({ where, select: { id: true, groupId: true } })
    if (found.length === 0) return []
    await this.lockGroups(found.flatMap(({ groupId }) => groupId ?? []))
    const ids = found.map(({ id }) => id)
    await this.tx.$queryRaw`SELECT 1 FROM "Session" WHERE "id" IN (${Prisma.join(ids)}) ORDER BY "id" FOR UPDATE`
    // Read again under the locks: one that was used, switched to or ended meanwhile is another matter.
    const ending = await this.tx.session.findMany({
      where: { AND: [where, { id: { in: ids } }] },
      select: { id: true, did: true, grantId: true, groupId: true, isActive: true },
    })
    await this.tx.session.deleteMany({ where: { id: { in: ending.map(({ id }) => id) } } })
    for (const session of ending) {
      this.ended.push(session)
      this.changedIds.add(session.id)
    }
    if (!keepGroup) await this.#deleteEmptyGroups(ending)
    return ending
  }

  async #deleteEmptyGroups(ended: readonly EndedSession[]): Promise<void> {
    const ids = ended.flatMap(({ groupId }) => groupId ?? [])
    await this.tx.sessionGroup.deleteMany({ where: { id: { in: ids }, sessions: { none: {} } } })
  }

  /** Slides the sessions of a locked group to `until`, each no further than its own grant. */
  async slideGroup(groupId: string, { until, now }: { until: Date; now: Date }): Promise<void> {
    const slid = await this.tx.$queryRaw<{ id: string }[]>`
      UPDATE "Session" SET "expiresAt" = LEAST(${until}::timestamptz, "Grant"."expiresAt")
        FROM "Grant"
       WHERE "Grant"."id" = "Session"."grantId"
         AND "Session"."groupId" = ${groupId} AND "Session"."expiresAt" > ${now}::timestamptz
      RETURNING "Session"."id"`
    for (const { id } of slid) this.changedIds.add(id)
  }

  /** Records that a session was used. One that has ended meanwhile is left alone. */
  async touch(id: string, now: Date): Promise<void> {
    const { count } = await this.tx.session.updateMany({ where: { id }, data: { lastUsedAt: now } })
    if (count > 0) this.changedIds.add(id)
  }
}
