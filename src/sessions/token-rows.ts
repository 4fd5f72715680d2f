import { newId } from '../platform/random.ts'
import type { ClientToken, Prisma, Session } from '../store/sql/generated/client.ts'
import { REPLACED_LIFETIME, TOKEN_LIFETIME, unusedTokenEnd } from './lifetime.ts'
import { mintClientToken } from './token.ts'

/** What the first use of a token is to do. */
export type Minting = Pick<ClientToken, 'replacesGroupId' | 'activatesDid'> & { now: Date }

/** The one writer of ClientToken, within a transaction of `SessionRows`, under the lock of the token's group. */
export class TokenRows {
  readonly #tx: Prisma.TransactionClient

  constructor(tx: Prisma.TransactionClient) {
    this.#tx = tx
  }

  /**
   * Mints the token of the client that exchanges a session, in the session's locked group.
   * @returns the text that the client holds
   */
  async mint({ id: sessionId, kind, groupId, authenticatedAt }: Session, { now, ...uses }: Minting): Promise<string> {
    if (groupId === null) throw new TypeError('a client token belongs to a group')
    const id = newId()
    const { text, secretHash } = mintClientToken(id)
    // The clocks of two replicas may differ. The token must reach the session that it is minted for.
    const mintedAt = authenticatedAt > now ? authenticatedAt : now
    const endsAt = unusedTokenEnd(mintedAt, kind)
    await this.#tx.clientToken.create({ data: { id, secretHash, kind, groupId, sessionId, mintedAt, endsAt, ...uses } })
    return text
  }

  /** Records the first use of a token whose group is locked. False when it was used before, or has ended. */
  async confirm({ id, mintedAt }: Pick<ClientToken, 'id' | 'mintedAt'>, now: Date): Promise<boolean> {
    const endsAt = new Date(mintedAt.getTime() + TOKEN_LIFETIME)
    const where = { id, confirmedAt: null, endsAt: { gt: now } }
    const { count } = await this.#tx.clientToken.updateMany({ where, data: { confirmedAt: now, endsAt } })
    return count > 0
  }

  /** Ends, in a minute, the tokens of a locked group that were used before this one was. */
  async endReplaced({ id, groupId }: Pick<ClientToken, 'id' | 'groupId'>, now: Date): Promise<void> {
    const endsAt = new Date(now.getTime() + REPLACED_LIFETIME)
    const where = { groupId, id: { not: id }, confirmedAt: { not: null }, endsAt: { gt: endsAt } }
    await this.#tx.clientToken.updateMany({ where, data: { endsAt } })
  }

  /** Deletes tokens that have ended, of locked groups. */
  async delete(ids: readonly string[]): Promise<void> {
    await this.#tx.clientToken.deleteMany({ where: { id: { in: [...ids] } } })
  }

  /** Deletes those of the tokens that have ended, of locked groups: one that was used meanwhile goes on. */
  async deleteEnded(ids: readonly string[], now: Date): Promise<void> {
    await this.#tx.clientToken.deleteMany({ where: { id: { in: [...ids] }, endsAt: { lte: now } } })
  }

  /** Lets no token of these locked groups make an account the active one. */
  async forgetActivations(did: string, groupIds: readonly string[]): Promise<void> {
    const where = { groupId: { in: [...groupIds] }, activatesDid: did }
    await this.#tx.clientToken.updateMany({ where, data: { activatesDid: null } })
  }
}
