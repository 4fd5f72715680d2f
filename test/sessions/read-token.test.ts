import { array, assert, asyncProperty, constantFrom, nat, record } from 'fast-check'
import { beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import type { Gateway } from '../../src/gateway.ts'
import { createReadCache } from '../../src/platform/read-cache.ts'
import { authenticate, clientOfCookie } from '../../src/sessions/authenticate.ts'
import { type Client, findClient } from '../../src/sessions/client.ts'
import { keepAlive } from '../../src/sessions/keep-alive.ts'
import { revokeSession } from '../../src/sessions/revoke.ts'
import { revokeDeveloperToken } from '../../src/sessions/revoke-developer-token.ts'
import { logout } from '../../src/sessions/sign-out.ts'
import { switchAccount } from '../../src/sessions/switch.ts'
import { unlinkAccount } from '../../src/sessions/unlink.ts'
import { viewerOf } from '../../src/sessions/viewer.ts'
import { withSessionChanges } from '../../src/sessions/with-session-changes.ts'
import {
  aSession,
  aToken,
  aViewer,
  type BuiltViewer,
  CLIENT,
  callerOfText,
  developerViewer,
  didOf,
} from '../support/builders.ts'
import { withMembers } from '../support/faults.ts'
import { eventually } from '../support/tables.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const RUNS = inject('tier') === 'full' ? 300 : 15
const SECOND = 1000
const DAY = 24 * 60 * 60 * SECOND

let unit: UnitGateway

beforeAll(async () => {
  unit = await openUnitGateway()
})

type Replica = Gateway & { reads: number }

/** A replica of the gateway with a session cache of its own, and how many reads reached the database. */
function startReplica(now: () => number): Replica {
  const replica = {
    ...unit,
    runtime: { ...unit.runtime, sessionCache: createReadCache({ now }) },
    reads: 0,
  }
  const stores: Gateway['stores'] = {
    ...unit.stores,
    readText(read, id) {
      replica.reads++
      return unit.stores.readText(read, id)
    },
  }
  return Object.assign(replica, { stores })
}

// Time stands still for the cache, so that it trusts for ever what it is not told of.
describe('what a token stands for, in the process that changes it', () => {
  let gateway: ReturnType<typeof startReplica>
  let alice: BuiltViewer
  let bobDid: string

  beforeEach(async () => {
    gateway = startReplica(() => 0)
    alice = await aViewer(gateway)
    bobDid = didOf('bob.test')
    await aSession({ db: gateway.stores.db }, { handle: 'bob.test', groupId: alice.session.groupId })
    gateway.runtime.sessionCache.clear()
    await seen()
  })

  const clientOf = async (token = alice.token): Promise<Client | null> =>
    (await callerOfText(gateway, token))?.client ?? null
  const seen = async () => {
    const client = await clientOf()
    return client && { active: client.group.activeDid, accounts: client.accounts.map(({ did }) => did) }
  }

  it('is read once', async () => {
    const { reads } = gateway
    await Promise.all([seen(), seen()])
    await seen()
    expect(gateway.reads).toBe(reads)
  })

  it('is kept from whoever has another secret', async () => {
    const [id = ''] = alice.token.split('.')
    const { reads } = gateway
    expect(await clientOf(`${id}.${'A'.repeat(43)}`)).toBeNull()
    expect(await clientOf()).not.toBeNull()
    expect(gateway.reads).toBe(reads)
  })

  it('is seen as it is after a switch', async () => {
    await switchAccount(gateway, { client: alice.client, targetDid: bobDid, from: CLIENT })
    expect(await seen()).toMatchObject({ active: bobDid })
  })

  it('is seen as it is after an account is unlinked', async () => {
    await unlinkAccount(gateway, { ...alice, did: bobDid, from: CLIENT })
    expect(await seen()).toMatchObject({ accounts: [alice.session.did] })
  })

  it('is nothing after signing out', async () => {
    await logout(gateway, { caller: { client: alice.client, session: null }, from: CLIENT })
    expect(await seen()).toBeNull()
  })

  it('is nothing once another client has revoked it', async () => {
    const elsewhere = await aViewer(gateway)
    await unlinkAccount(gateway, { ...alice, did: bobDid, from: CLIENT })
    await seen()
    await revokeSession(gateway, { ...elsewhere, id: alice.session.id, from: CLIENT })
    expect(await seen()).toBeNull()
  })

  it('is nothing after a change whose commit was not answered', async () => {
    const lost = new Error('the connection broke')
    const db = withMembers(gateway.stores.db, {
      async $transaction(...args: unknown[]) {
        await Reflect.apply(gateway.stores.db.$transaction, gateway.stores.db, args)
        throw lost
      },
    })
    const over = { ...gateway, stores: { ...gateway.stores, db } }
    const groups = [alice.session.groupId ?? '']
    const ending = withSessionChanges(over, { groups }, (rows) => rows.end({ groupId: alice.session.groupId }))
    await expect(ending).rejects.toBe(lost)
    expect(await seen()).toBeNull()
  })

  it('ends a minute after the first use of another token of its group', async () => {
    const { text } = await aToken({ db: gateway.stores.db, now: unit.clock() }, alice.session, { confirmedAt: null })
    await clientOfCookie(gateway, text)
    await clientOf()
    await authenticate(gateway, { sessionCookie: text, authorization: null, client: CLIENT })
    const client = await clientOf()
    expect(client?.token.endsAt.getTime()).toBeLessThan(unit.clock() + DAY)
  })

  it('is read each time before its first use', async () => {
    const { text } = await aToken({ db: gateway.stores.db, now: unit.clock() }, alice.session, { confirmedAt: null })
    const { reads } = gateway
    for (let times = 0; times < 3; times++) await clientOfCookie(gateway, text)
    expect(gateway.reads).toBe(reads + 3)
  })

  it('is slid once, and is then seen as it was slid', async () => {
    const { id, did } = alice.session
    const before = new Date(unit.clock() - 10 * 60 * SECOND)
    await gateway.stores.db.session.update({ where: { id }, data: { lastUsedAt: before } })
    gateway.runtime.sessionCache.clear()
    const lastUsed = async () => viewerOf(await callerOfText(gateway, alice.token), did)?.session
    const session = await lastUsed()
    if (session === undefined) throw new Error('nobody')
    keepAlive(gateway, session)
    await eventually(async () => (await lastUsed())?.lastUsedAt?.getTime() !== before.getTime(), 'the session is slid')
  })

  it('is seen with the account as it was looked up', async () => {
    const { did } = alice.session
    const identities = {
      ...unit.atproto.identities,
      lookUp: async () => ({ did, handle: 'renamed.test', pdsUrl: 'https://pds.test' }),
    }
    const atproto = { ...unit.atproto, identities, profiles: { read: async () => null } } as Gateway['atproto']
    await gateway.stores.db.account.update({ where: { did }, data: { lookUpAfter: new Date(0) } })
    gateway.runtime.sessionCache.clear()
    const viewer = async () => viewerOf(await callerOfText(gateway, alice.token), did)
    const found = await viewer()
    if (found === null) throw new Error('nobody')
    keepAlive({ ...gateway, atproto }, found.session)
    await eventually(async () => (await viewer())?.session.account.handle === 'renamed.test', 'the account is renamed')
  })

  it('has ended when its time has come, and not where another replica has extended it', async () => {
    const { id, did, groupId } = alice.session
    const expiresAt = new Date(unit.clock() + 10 * SECOND)
    await gateway.stores.db.session.updateMany({ where: { groupId }, data: { expiresAt } })
    gateway.runtime.sessionCache.clear()
    await seen()
    unit.clock.advance(10 * SECOND)
    await gateway.stores.db.session.update({ where: { id }, data: { expiresAt: new Date(unit.clock() + DAY) } })
    expect(await seen()).toMatchObject({ accounts: [did] })
    unit.clock.advance(DAY)
    expect(await seen()).toBeNull()
  })

  it('is read once for a developer token, too, and is nothing once that is revoked', async () => {
    const { token, session } = await aSession({ db: gateway.stores.db }, { kind: 'DEVELOPER_TOKEN' })
    const viewer = await developerViewer(gateway, token)
    const { reads } = gateway
    await developerViewer(gateway, token)
    expect(gateway.reads).toBe(reads)
    await revokeDeveloperToken(gateway, { viewer, prefix: session.id, from: CLIENT })
    expect(await callerOfText(gateway, token)).toBeNull()
  })
})

describe('what a token stands for, at several replicas', () => {
  const step = record({
    what: constantFrom('look', 'look', 'look', 'switch', 'end', 'scopes'),
    replica: nat({ max: 2 }),
    account: nat({ max: 2 }),
    ms: constantFrom(0, 1, 300, 600, 999),
  })

  it('is told by none of them as it was more than a second ago', { timeout: 120_000 }, async () => {
    const property = asyncProperty(array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      let now = 0
      const replicas = [0, 1, 2].map(() => startReplica(() => now))
      const alice = await aSession({ db: unit.stores.db }, { isActive: true })
      const { groupId } = alice.session
      const [tokenId = ''] = alice.token.split('.')
      for (const handle of ['bob.test', 'carol.test']) await aSession({ db: unit.stores.db }, { handle, groupId })
      const dids = ['alice.test', 'bob.test', 'carol.test'].map(didOf)
      const told = (client: Client | null) =>
        JSON.stringify(client && [client.group, client.accounts.map(({ did, grant }) => [did, grant.scope])])
      const asItIs = async () => told(await findClient(unit.stores.db, tokenId, new Date(unit.clock())))
      // Each state, and when another one took its place.
      const history: { state: string; until: number }[] = [{ state: await asItIs(), until: Infinity }]

      async function change(gateway: Replica, { what, account }: (typeof steps)[number]): Promise<void> {
        const did = dids[account] ?? ''
        if (what === 'scopes') {
          const { grantId } = (await unit.stores.db.session.findFirst({ where: { groupId, did } })) ?? {}
          if (grantId === undefined) return
          await unit.stores.db.grant.update({ where: { id: grantId }, data: { scope: `atproto step:${now}` } })
          gateway.runtime.sessionCache.invalidate([grantId])
          return
        }
        await withSessionChanges(gateway, { groups: [groupId ?? ''] }, async (rows) => {
          if (what === 'switch' && rows.hasGroup(groupId ?? '')) await rows.activate(groupId ?? '', did)
          if (what === 'end') await rows.end({ groupId, did })
        })
      }

      /** Returns whether the state is another one: what another replica has ended already cannot be ended again. */
      function note(state: string): boolean {
        const last = history.at(-1)
        if (last === undefined || last.state === state) return false
        last.until = now
        history.push({ state, until: Infinity })
        return true
      }

      for (const each of steps) {
        now += each.ms
        const gateway = replicas[each.replica] as Replica
        if (each.what !== 'look') await change(gateway, each)
        const hasChanged = note(await asItIs())
        const state = told(await clientOfCookie(gateway, alice.token))
        // Who has changed it sees that at once.
        const allowed = history.filter(({ until }) => until > now - (hasChanged ? 0 : SECOND))
        expect(allowed.map((entry) => entry.state)).toContain(state)
      }
    })
    await assert(property, { numRuns: RUNS, interruptAfterTimeLimit: 60 * SECOND })
  })
})
