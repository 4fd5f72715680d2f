import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/platform/random.ts'
import { revokeDeveloperToken } from '../../src/sessions/revoke-developer-token.ts'
import {
  aSession,
  aViewer,
  type BuiltViewer,
  CLIENT,
  developerViewer,
  eventsOf,
  type SessionOptions,
} from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('revokeDeveloperToken', () => {
  let gateway: UnitGateway
  let alice: BuiltViewer

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    alice = await aViewer(gateway)
    gateway.revoked.length = 0
    gateway.published.length = 0
  })

  const revoke = (prefix: string, viewer = alice.viewer) =>
    revokeDeveloperToken(gateway, { viewer, prefix, from: CLIENT })
  const build = async (options: SessionOptions = {}) =>
    (await aSession({ db: gateway.stores.db, now: gateway.clock() }, { kind: 'DEVELOPER_TOKEN', ...options })).session
  const isThere = async (id: string) => (await gateway.stores.db.session.count({ where: { id } })) === 1

  it('ends the token, which is in no group', async () => {
    const token = await build()
    expect(await revoke(token.id)).toBe(token.id)
    expect(await isThere(token.id)).toBe(false)
    expect(await eventsOf(gateway, token.id)).toEqual([
      {
        kind: 'developer_token_revoked',
        did: token.did,
        sessionId: token.id,
        ...CLIENT,
        detail: { by: alice.session.id },
      },
    ])
    expect([gateway.revoked, gateway.published]).toEqual([[token.grantId], []])
  })

  it.each([
    (id: string) => id.slice(0, 8),
    (id: string) => `atgate_${id.slice(0, 8)}`,
    (id: string) => `  ${id.slice(0, 20)} `,
  ])('finds it by the start of its id: %s', async (prefixOf) => {
    const { id } = await build()
    expect(await revoke(prefixOf(id))).toBe(id)
  })

  it.each([
    (id: string) => id.slice(0, 7),
    (id: string) => `${id}0`,
    (id: string) => `x${id}`,
    (id: string) => id.slice(0, 8).toUpperCase().replace(/^./, 'G'),
    (id: string) => `x atgate_${id}`,
    () => '%%%%%%%%',
    () => '',
  ])('refuses what cannot be the start of an id: %s', async (prefixOf) => {
    const { id } = await build()
    await expect(revoke(prefixOf(id))).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
    expect(await isThere(id)).toBe(true)
  })

  it('refuses a start that two tokens have, and ends neither', async () => {
    const start = newId().slice(0, 16)
    const ids = [`${start}${newId().slice(16)}`, `${start}${newId().slice(16)}`]
    for (const id of ids) await build({ id })
    await expect(revoke(start)).rejects.toMatchObject({ code: 'AMBIGUOUS_PREFIX' })
    expect(await Promise.all(ids.map(isThere))).toEqual([true, true])
    expect(await revoke(ids[0] ?? '')).toBe(ids[0])
  })

  it.each<[string, SessionOptions]>([
    ['another account’s token', { handle: 'bob.test' }],
    ['a session', { kind: 'BROWSER' }],
    ['a token that awaits its exchange', { exchangedAt: null }],
    ['a token that has expired', { expiresAt: new Date(0) }],
  ])('does not find %s', async (_what, options) => {
    const { id } = await build(options)
    await expect(revoke(id)).rejects.toMatchObject({ code: 'TOKEN_NOT_FOUND' })
    expect(await isThere(id)).toBe(true)
  })

  it('lets a developer token end itself, and no other', async () => {
    const own = await aSession({ db: gateway.stores.db }, { kind: 'DEVELOPER_TOKEN' })
    const other = await build()
    const viewer = await developerViewer(gateway, own.token)
    await expect(revoke(other.id, viewer)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(revoke('00000000', viewer)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(await revoke(own.session.id.slice(0, 8), viewer)).toBe(own.session.id)
    expect([await isThere(own.session.id), await isThere(other.id)]).toEqual([false, true])
  })

  it('is refused to one who was signed out meanwhile', async () => {
    const { id } = await build()
    await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
    await expect(revoke(id)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await isThere(id)).toBe(true)
  })
})
