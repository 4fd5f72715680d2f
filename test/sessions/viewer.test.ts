import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Caller, unauthenticated, viewerOf } from '../../src/sessions/viewer.ts'
import { aSession, aViewer, type BuiltViewer, callerOfText, didOf } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const alice = didOf('alice.test')
const bob = didOf('bob.test')
const carol = didOf('carol.test')

describe('who a request acts as', () => {
  let gateway: UnitGateway
  let built: BuiltViewer
  let caller: Caller | null

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    built = await aViewer(gateway)
    const groupId = built.session.groupId
    await aSession({ db: gateway.stores.db, now: gateway.clock() }, { handle: 'bob.test', groupId })
    caller = await callerOfText(gateway, built.token)
  })

  const endOf = (did: string) =>
    gateway.stores.db.session.deleteMany({ where: { groupId: built.session.groupId, did } })

  it('is the active account', () => {
    expect(viewerOf(caller, null)).toMatchObject({ session: { did: alice }, isNamed: false })
  })

  it('is the account that it names, whichever is active', () => {
    expect(viewerOf(caller, bob)).toMatchObject({ session: { did: bob }, isNamed: true, client: caller?.client })
    expect(viewerOf(caller, alice)).toMatchObject({ session: { did: alice }, isNamed: true })
  })

  it.each([carol, '', 'alice.test', `${alice}, ${bob}`])('is nobody where it names %j: it is refused', (named) => {
    expect(() => viewerOf(caller, named)).toThrow(expect.objectContaining({ code: 'ACCOUNT_CHANGED', status: 409 }))
  })

  it('is nobody without a token, and refused where it names somebody', () => {
    expect(viewerOf(null, null)).toBeNull()
    expect(() => viewerOf(null, alice)).toThrow(expect.objectContaining({ code: 'ACCOUNT_CHANGED' }))
  })

  it('is nobody once the active account has ended: no other is put in its place', async () => {
    await endOf(alice)
    caller = await callerOfText(gateway, built.token)
    expect(viewerOf(caller, null)).toBeNull()
    expect(viewerOf(caller, bob)).toMatchObject({ session: { did: bob } })
    expect(() => viewerOf(caller, alice)).toThrow(expect.objectContaining({ code: 'ACCOUNT_CHANGED' }))
    expect(unauthenticated(caller)).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'ACCOUNT_SIGNED_OUT' })
    expect(unauthenticated(null)).toMatchObject({ code: 'UNAUTHENTICATED', reason: undefined })
  })

  it('is a developer token’s own account, and no other that it names', async () => {
    const { token } = await aSession({ db: gateway.stores.db }, { kind: 'DEVELOPER_TOKEN' })
    const developer = await callerOfText(gateway, token)
    expect(viewerOf(developer, null)).toMatchObject({ session: { did: alice }, client: null })
    expect(viewerOf(developer, alice)).toMatchObject({ session: { did: alice }, client: null })
    expect(() => viewerOf(developer, bob)).toThrow(expect.objectContaining({ code: 'ACCOUNT_CHANGED' }))
  })
})
