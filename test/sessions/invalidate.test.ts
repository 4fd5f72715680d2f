import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Gateway } from '../../src/gateway.ts'
import { StoreUnavailable } from '../../src/platform/errors.ts'
import { createReadCache } from '../../src/platform/read-cache.ts'
import { followInvalidations, invalidate } from '../../src/sessions/invalidate.ts'
import { switchAccount } from '../../src/sessions/switch.ts'
import { aSession, aViewer, CLIENT, callerOfText, didOf } from '../support/builders.ts'
import { eventually } from '../support/tables.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('what a replica has changed', () => {
  let unit: UnitGateway
  let here: Gateway
  let there: Gateway

  beforeAll(async () => {
    unit = await openUnitGateway()
  })
  beforeEach(() => {
    // The second never ends.
    const replica = () => ({ ...unit, runtime: { ...unit.runtime, sessionCache: createReadCache({ now: () => 0 }) } })
    here = replica()
    there = replica()
  })

  it('is seen by another one as soon as that hears of it', async () => {
    await followInvalidations(there)
    const alice = await aViewer(here)
    await aSession({ db: unit.stores.db }, { handle: 'bob.test', groupId: alice.session.groupId })
    const active = async () => (await callerOfText(there, alice.token))?.client?.group.activeDid
    expect(await active()).toBe(alice.session.did)
    here.runtime.sessionCache.clear()
    const { client } = (await callerOfText(here, alice.token)) ?? {}
    if (client == null) throw new Error('no client')
    await switchAccount(here, { client, targetDid: didOf('bob.test'), from: CLIENT })
    await eventually(async () => (await active()) === didOf('bob.test'), 'the other replica sees the switch')
  })

  it('is forgotten here, and fails nobody, while nobody can be told', async () => {
    const away = new StoreUnavailable('ephemeral store', new Error('gone'))
    const ephemeral = {
      ...unit.stores.ephemeral,
      publish: () => Promise.reject(away),
      subscribe: () => Promise.reject(away),
    }
    const alone = { ...here, stores: { ...here.stores, ephemeral } }
    await followInvalidations(alone)
    const alice = await aViewer(alone)
    await unit.stores.db.session.deleteMany({ where: { id: alice.session.id } })
    expect(await callerOfText(alone, alice.token)).not.toBeNull()
    invalidate(alone, [alice.session.groupId ?? ''])
    expect(await callerOfText(alone, alice.token)).toBeNull()
  })
})
