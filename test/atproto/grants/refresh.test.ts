import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createGrantCopies } from '../../../src/atproto/grants/copies.ts'
import { GrantLost } from '../../../src/atproto/grants/rows.ts'
import { sealGrant } from '../../../src/atproto/grants/sealed-grant.ts'
import { GatewayError } from '../../../src/platform/errors.ts'
import { SealError } from '../../../src/store/sealing/sealer.ts'
import { type GrantProcess, type Interference, type Step, startGrantProcess } from '../../support/grant-process.ts'
import { ageGrant, storeEndedGrant, storeGrant } from '../../support/stored-grants.ts'
import { eventually } from '../../support/tables.ts'
import { createTokenServer, type TokenServer } from '../../support/token-server.ts'
import { openUnitGateway, type UnitGateway } from '../../support/unit-gateway.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

describe('a grant', () => {
  let gateway: UnitGateway
  let server: TokenServer
  let id: string

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    server = createTokenServer()
    id = await storeEndedGrant(gateway.stores, server)
  })

  type Options = Partial<Parameters<typeof startGrantProcess>[0]>
  const start = (options: Options = {}): GrantProcess =>
    startGrantProcess({ stores: gateway.stores, server, ...options })
  const row = (of = id) => gateway.stores.db.grant.findUniqueOrThrow({ where: { id: of } })
  const age = (ms: number, of = id) => ageGrant(gateway.stores.db, of, ms)
  const unavailable = { code: 'SERVICE_UNAVAILABLE' }

  /** Fails a step while the condition holds. */
  const failing =
    (step: Step, error: Error, when = () => true): Interference =>
    (current, work) =>
      current === step && when() ? Promise.reject(error) : work()

  describe('that is not due', () => {
    it('is used with one read and nothing else', async () => {
      const process = start()
      const fresh = await storeGrant(gateway.stores, server)
      expect((await process.use(fresh)).generation).toBe(0n)
      expect(process.steps).toEqual(['find'])
      process.grants.refreshSoon(fresh)
      await process.grants.close(SECOND)
      expect(process.steps).toEqual(['find', 'find'])
    })

    it('is used while it is refreshed in the background, once it is due', async () => {
      const process = start()
      const due = await storeGrant(gateway.stores, server)
      await age(50 * MINUTE, due)
      expect((await process.use(due)).generation).toBe(0n)
      await eventually(async () => (await row(due)).generation === 1n, 'it is refreshed')
      expect((await process.use(due)).generation).toBe(1n)
    })

    it('is used while its server cannot be reached, and the log says why', async () => {
      const process = start({ interfere: failing('send', new Error('unreachable')) })
      const due = await storeGrant(gateway.stores, server)
      await age(50 * MINUTE, due)
      for (let times = 0; times < 5; times++) expect((await process.use(due)).generation).toBe(0n)
      await process.grants.close(SECOND)
      const logged = process.logLines.filter((line) => line.includes('grant not refreshed'))
      expect(logged).toEqual([expect.stringMatching(/"level":40.*unreachable/)])
    })
  })

  describe('that is due', () => {
    it('is refreshed once by however many processes and callers at once', async () => {
      const [one, two] = [start(), start()]
      const uses = Array.from({ length: 24 }, (_, index) => (index % 2 === 0 ? one : two).use(id))
      const generations = (await Promise.all(uses)).map(({ generation }) => generation)
      expect(new Set(generations)).toEqual(new Set([1n]))
      expect(server).toMatchObject({ sent: 1, replays: 0 })
    })

    it('is tried in the background by the first of many who ask', async () => {
      const process = start({ interfere: failing('prepare', new Error('unreachable')) })
      for (let times = 0; times < 12; times++) process.grants.refreshSoon(id)
      await process.grants.close(SECOND)
      expect(process.steps.filter((step) => step === 'prepare')).toHaveLength(1)
    })

    it('is left to who has the lease, by who does it in the background', async () => {
      const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>()
      const holder = start({
        interfere: async (step, work) => {
          if (step === 'send') await mayAnswer
          return work()
        },
      })
      const refreshed = holder.use(id)
      await eventually(async () => holder.steps.includes('send'), 'it is under way')
      const other = start()
      other.grants.refreshSoon(id)
      await other.grants.close(SECOND)
      expect(other.steps).toEqual(['find', 'read copy'])
      answer()
      expect((await refreshed).generation).toBe(1n)
    })

    it('is waited for no longer than ten seconds, and kept', { timeout: 30_000 }, async () => {
      const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>()
      const slow = start({
        interfere: async (step, work) => {
          if (step === 'send') await mayAnswer
          return work()
        },
      })
      const startedAt = performance.now()
      const holding = slow.use(id)
      await eventually(async () => slow.steps.includes('send'), 'it has the lease')
      const outcomes = await Promise.allSettled([holding, start().use(id)])
      expect(performance.now() - startedAt).toBeLessThan(12 * SECOND)
      for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: unavailable })
      answer()
      await eventually(async () => (await row()).generation === 1n, 'what the server answers late is stored')
      expect(server).toMatchObject({ sent: 1, replays: 0 })
    })
  })

  describe('is lost for these causes alone:', () => {
    it('the server refuses the refresh token', async () => {
      const process = start()
      const revoked = await process.use(id)
      await server.revoke(revoked.grant)
      await age(2 * 60 * MINUTE)
      await expect(process.use(id)).rejects.toThrow(GrantLost)
      expect(await row()).toMatchObject({ state: 'lost', lostReason: 'refused', generation: 1n })
      expect(process.changes).toEqual([
        { id, state: 'ok' },
        { id, state: 'lost' },
      ])
      await expect(start().use(id)).rejects.toThrow(GrantLost)
    })

    it('another server is now the authority over the account', async () => {
      server.moveAccounts()
      await expect(start().use(id)).rejects.toThrow(GrantLost)
      expect(await row()).toMatchObject({ state: 'lost', lostReason: 'moved' })
      expect(server.sent).toBe(0)
    })

    it('there is no refresh token, and the access token has ended', async () => {
      const { stores } = gateway
      const { did, generation } = await row()
      const { refresh_token: _none, ...tokenSet } = server.issue().tokenSet
      const grant = { ...server.issue(), tokenSet }
      const sealed = await sealGrant(stores.sealer, { id, did, generation, grant })
      await stores.db.grant.update({ where: { id }, data: { sealed, accessEndsAt: new Date(Date.now() + MINUTE) } })
      const process = start()
      expect((await process.use(id)).grant).toEqual(grant)
      await process.grants.close(SECOND)
      expect(await row()).toMatchObject({ state: 'ok' })
      await age(2 * MINUTE)
      await expect(start().use(id)).rejects.toThrow(GrantLost)
      expect(await row()).toMatchObject({ state: 'lost', lostReason: 'no_refresh_token' })
      expect(server.sent).toBe(0)
    })

    it('its PDS says that the account is deactivated', async () => {
      const process = start({ askAccountStatus: async () => 'deactivated' })
      await process.use(id)
      await eventually(async () => (await row()).state === 'lost', 'it is given up')
      expect(await row()).toMatchObject({ lostReason: 'deactivated', generation: 1n })
      expect(process.changes.at(-1)).toEqual({ id, state: 'lost' })
    })
  })

  describe('is kept when', () => {
    it('somebody else has refreshed it before the server refused', async () => {
      const first = start()
      const second = start({
        // Between its look at the row and its request, the other one has gone through all of it.
        interfere: async (step, work) => {
          if (step === 'send') {
            await gateway.stores.db.grant.update({ where: { id }, data: { leaseUntil: null, sentAt: null } })
            await first.use(id)
          }
          return work()
        },
      })
      expect((await second.use(id)).generation).toBe(1n)
      expect(await row()).toMatchObject({ state: 'ok', generation: 1n })
    })

    it.each<[string, Step, Error]>([
      ['the server answers with an error', 'send', new GatewayError('PDS_UNAVAILABLE', 'away')],
      ['the answer is lost on the way', 'send', new TypeError('terminated', { cause: new Error('reset') })],
      ['the account cannot be resolved', 'prepare', new GatewayError('PDS_UNAVAILABLE', 'away')],
      ['there is a mistake of ours', 'send', new TypeError('undefined is not a function')],
    ])('%s', async (_what, step, error) => {
      await expect(start({ interfere: failing(step, error) }).use(id)).rejects.toBe(error)
      expect(await row()).toMatchObject({ state: 'ok', generation: 0n, leaseUntil: null })
      if (step === 'send') {
        // An attempt that may have used the refresh token up is left alone for a minute, at once and without a wait.
        const next = start()
        await expect(next.use(id)).rejects.toMatchObject(unavailable)
        expect(next.steps).toEqual(['find', 'find', 'read copy'])
      }
      await age(MINUTE + SECOND)
      expect((await start().use(id)).generation).toBe(1n)
      expect(server.replays).toBe(0)
    })

    it.each<[string, Step]>([
      ['the database is away when it is read', 'find'],
      ['the database is away when it is leased', 'lease'],
      ['the database is away when it is to be marked', 'mark'],
    ])('%s: nothing is sent', async (_what, step) => {
      const error = new GatewayError('SERVICE_UNAVAILABLE', 'away')
      await expect(start({ interfere: failing(step, error) }).use(id)).rejects.toMatchObject(unavailable)
      expect(server.sent).toBe(0)
      expect((await start().use(id)).generation).toBe(1n)
    })

    it('an attempt was not answered that another one began and ended meanwhile: nothing is sent', async () => {
      const second = start({
        interfere: async (step, work) => {
          if (step === 'lease') {
            const error = new GatewayError('PDS_UNAVAILABLE', 'away')
            await expect(start({ interfere: failing('answer', error) }).use(id)).rejects.toBe(error)
          }
          return work()
        },
      })
      await expect(second.use(id)).rejects.toMatchObject(unavailable)
      expect(server.sent).toBe(1)
      expect(await row()).toMatchObject({ state: 'ok', leaseUntil: null })
    })

    it.each<[string, Step]>([
      ['nothing was sent', 'mark'],
      ['its server did not answer', 'send'],
    ])('the database is away when its lease is to be ended, since %s', async (_what, step) => {
      let isAway = true
      const process = start({
        interfere: (current, work) =>
          current === step || (current === 'end lease' && isAway) ? Promise.reject(new Error('away')) : work(),
      })
      await expect(process.use(id)).rejects.toThrow()
      expect(await row()).toMatchObject({ leaseUntil: expect.any(Date) })
      isAway = false
      await eventually(async () => (await row()).leaseUntil === null, 'it is ended when the database is back')
      const { sentAt } = await row()
      if (step === 'mark') expect(sentAt).toBeNull()
      else expect(sentAt).not.toBeNull()
    })

    it('the database is away when it is to be given up', async () => {
      const process = start()
      await server.revoke((await process.use(id)).grant)
      await age(2 * 60 * MINUTE)
      const away = failing('lose', new GatewayError('SERVICE_UNAVAILABLE', 'away'))
      await expect(start({ interfere: away }).use(id)).rejects.toMatchObject(unavailable)
      expect((await row()).state).toBe('ok')
    })

    it('it cannot be opened', async () => {
      await gateway.stores.db.grant.update({ where: { id }, data: { sealed: 'x' } })
      await expect(start().use(id)).rejects.toThrow(SealError)
      expect((await row()).state).toBe('ok')
      expect(server.sent).toBe(0)
    })

    it('what the server gave cannot be sealed at first', async () => {
      let failures = 2
      const sealer: typeof gateway.stores.sealer = {
        ...gateway.stores.sealer,
        seal: (value, purpose) =>
          failures-- > 0 ? Promise.reject(new TypeError('no key')) : gateway.stores.sealer.seal(value, purpose),
      }
      const process = start({ stores: { ...gateway.stores, sealer } })
      const refreshed = await process.use(id)
      expect(server.honours(refreshed.grant)).toBe(true)
      expect(await process.use(id)).toEqual(refreshed)
      await eventually(async () => (await row()).generation === 1n, 'it is stored')
    })

    it('its PDS cannot say whether the account is active', async () => {
      const process = start({ askAccountStatus: () => Promise.reject(new Error('401')) })
      await process.use(id)
      await process.grants.close(SECOND)
      expect(process.logLines.join()).toContain('account not checked')
      expect((await row()).state).toBe('ok')
    })
  })

  describe('whose copies cannot be reached', () => {
    const away = (): Interference => (step, work) =>
      step === 'read copy' || step === 'save copy' ? Promise.reject(new Error('Redis away')) : work()

    it('is refreshed all the same', async () => {
      expect((await start({ interfere: away() }).use(id)).generation).toBe(1n)
      expect(await row()).toMatchObject({ generation: 1n })
    })

    it('is not sent again after an attempt whose answer may be a copy', async () => {
      const lost = start({ interfere: failing('store', new Error('PostgreSQL away')) })
      const refreshed = await lost.use(id)
      await age(MINUTE + SECOND)
      await expect(start({ interfere: away() }).use(id)).rejects.toMatchObject(unavailable)
      expect(await row()).toMatchObject({ generation: 0n, state: 'ok', leaseUntil: null })
      const adopted = await start().use(id)
      expect(adopted.grant).toEqual(refreshed.grant)
      expect(server).toMatchObject({ sent: 1, replays: 0 })
    })

    it('is stored from the memory of who refreshed it, before that sends anything again', async () => {
      let isAway = true
      const interfere: Interference = (step, work) => {
        const isStore = step === 'store' || step === 'save copy' || step === 'read copy'
        return isStore && isAway ? Promise.reject(new GatewayError('SERVICE_UNAVAILABLE', 'away')) : work()
      }
      const process = start({ interfere })
      const { grant } = await process.use(id)
      await age(MINUTE + SECOND)
      isAway = false
      // The refused access token is that of the set in memory. Its row, and nothing else, says to refresh.
      expect(await process.replaceRefused(id)).toBeNull()
      expect(await row()).toMatchObject({ generation: 1n })
      expect((await process.use(id)).grant).toEqual(grant)
      expect(server).toMatchObject({ sent: 1, replays: 0 })
    })
  })

  it('with a copy that does not open is refreshed as if there were none', async () => {
    await gateway.stores.ephemeral.set(`grant:${id}`, '7 not sealed', { ttlMs: MINUTE })
    const process = start()
    expect((await process.use(id)).generation).toBe(1n)
    expect(process.logLines.join()).toContain('the copy of a grant cannot be read')
  })

  it('does not go back to an older copy', async () => {
    const { ephemeral, sealer } = gateway.stores
    const process = start()
    await process.use(id)
    const older = await ephemeral.get(`grant:${id}`)
    await age(2 * 60 * MINUTE)
    const { grant, did } = await process.use(id)
    await ephemeral.set(`grant:${id}`, older ?? '', { ttlMs: MINUTE })
    const copies = createGrantCopies({ ephemeral, sealer, logger: gateway.runtime.logger })
    expect((await copies.find({ id, did }))?.generation).toBe(1n)
    await age(50 * MINUTE)
    expect(await start().use(id)).toMatchObject({ generation: 2n, grant })
  })

  describe('whose access token a resource server refuses', () => {
    it('is refreshed, but once a minute at most', async () => {
      const process = start()
      const fresh = await storeGrant(gateway.stores, server)
      expect(await process.replaceRefused(fresh)).toBeNull()
      expect(server.sent).toBe(0)
      await age(MINUTE, fresh)
      expect(await process.replaceRefused(fresh)).toMatchObject({ generation: 1n })
      expect(await process.replaceRefused(fresh)).toBeNull()
      expect(server.sent).toBe(1)
      expect((await row(fresh)).state).toBe('ok')
    })

    it('is refreshed once for all calls that were refused', async () => {
      const fresh = await storeGrant(gateway.stores, server)
      await age(MINUTE, fresh)
      const [one, two] = [start(), start()]
      const replaced = await Promise.all([one, two, one, two, one].map((each) => each.replaceRefused(fresh)))
      expect(replaced.map((held) => held?.generation)).toEqual([1n, 1n, 1n, 1n, 1n])
      expect(server).toMatchObject({ sent: 1, replays: 0 })
    })
  })

  describe('whose session ends', () => {
    it('while it is refreshed gives the new token set back', async () => {
      const process = start({
        interfere: async (step, work) => {
          if (step === 'store') await gateway.stores.db.grant.delete({ where: { id } })
          return work()
        },
      })
      const { grant } = await process.use(id)
      await eventually(async () => !server.honours(grant), 'the server honours it no more')
      expect(process.grants.countUnstored()).toBe(0)
    })

    it('is revoked when the refresh that is under way has ended, by the newest token set', async () => {
      const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>()
      const process = start({
        interfere: async (step, work) => {
          if (step === 'send') await mayAnswer
          return work()
        },
      })
      const refreshed = process.use(id)
      await eventually(async () => process.steps.includes('send'), 'it is under way')
      const revoked = start().grants.revoke(id)
      answer()
      await revoked
      expect(server.honours((await refreshed).grant)).toBe(false)
      expect(await gateway.stores.db.grant.count({ where: { id } })).toBe(0)
      expect(await gateway.stores.ephemeral.get(`grant:${id}`)).toBeNull()
    })

    it('is revoked by the copy, or by what is in memory, where its row was not written', async () => {
      const outage = failing('store', new Error('PostgreSQL away'))
      const byMemory = start({ interfere: outage })
      const first = await byMemory.use(id)
      await gateway.stores.ephemeral.delete(`grant:${id}`)
      await age(MINUTE + SECOND)
      await byMemory.grants.revoke(id)
      expect(server.honours(first.grant)).toBe(false)

      const other = await storeEndedGrant(gateway.stores, server)
      const second = await start({ interfere: outage }).use(other)
      await age(MINUTE + SECOND, other)
      await start().grants.revoke(other)
      expect(server.honours(second.grant)).toBe(false)
      expect(await gateway.stores.db.grant.count({ where: { id: { in: [id, other] } } })).toBe(0)
    })
  })

  describe('at the end of a process', () => {
    it('is stored, if it was not before', async () => {
      let isAway = true
      const outage = failing('store', new Error('PostgreSQL away'), () => isAway)
      const process = start({ interfere: outage })
      await process.use(id)
      const closed = process.grants.close(5 * SECOND)
      isAway = false
      await closed
      expect(await row()).toMatchObject({ generation: 1n })
      expect(process.grants.countUnstored()).toBe(0)
    })

    it('holds the end no longer than allowed, and leaves a copy', async () => {
      const process = start({ interfere: failing('store', new Error('PostgreSQL away')) })
      const { grant } = await process.use(id)
      const startedAt = performance.now()
      await process.grants.close(SECOND)
      expect(performance.now() - startedAt).toBeLessThan(3 * SECOND)
      expect(process.logLines.join()).toMatch(/"level":50.*refreshed grant not stored/)
      expect((await start().use(id)).grant).toEqual(grant)
    })

    it('waits for the answer of a refresh that is under way', async () => {
      const process = start({
        interfere: async (step, work) => {
          if (step === 'send') await new Promise((resolve) => setTimeout(resolve, 200))
          return work()
        },
      })
      process.grants.refreshSoon(id)
      await eventually(async () => process.steps.includes('send'), 'it is under way')
      await process.grants.close(5 * SECOND)
      expect(await row()).toMatchObject({ generation: 1n })
    })
  })
})
