import { beforeAll, describe, expect, it } from 'vitest'
import { isStillActive, requireNotReplaced, requireStillActive } from '../../src/sessions/still-active.ts'
import { requireGroup } from '../../src/sessions/viewer.ts'
import { aViewer } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

let gateway: UnitGateway

beforeAll(async () => {
  gateway = await openUnitGateway()
})

describe('requireGroup', () => {
  it('gives the group of a session, and refuses a developer token', async () => {
    const { viewer, session } = await aViewer(gateway)
    expect(requireGroup(viewer)).toBe(session.groupId)
    const token = await aViewer(gateway, { kind: 'DEVELOPER_TOKEN' })
    expect(() => requireGroup(token.viewer)).toThrow(/developer token cannot/)
  })
})

describe('requireNotReplaced', () => {
  it('refuses a viewer whose secret was replaced', async () => {
    const { viewer } = await aViewer(gateway)
    expect(() => requireNotReplaced(viewer)).not.toThrow()
    expect(() => requireNotReplaced({ ...viewer, isReplaced: true })).toThrow(/Another tab/)
  })
})

describe('isStillActive', () => {
  it.each([
    ['another session is active', { isActive: false }],
    ['its secret was replaced', { secretHash: new Uint8Array(32) }],
  ])('is false once %s', async (_what, data) => {
    const { viewer, session } = await aViewer(gateway)
    const { db } = gateway.stores
    expect(await isStillActive(db, viewer)).toBe(true)
    await db.session.update({ where: { id: session.id }, data })
    expect(await isStillActive(db, viewer)).toBe(false)
    await expect(db.$transaction((tx) => requireStillActive(tx, viewer))).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  it('is false once the session has ended', async () => {
    const { viewer, session } = await aViewer(gateway)
    await aViewer(gateway)
    await gateway.stores.db.session.delete({ where: { id: session.id } })
    expect(await isStillActive(gateway.stores.db, viewer)).toBe(false)
  })
})
