import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { tellOfGrant } from '../../src/sessions/tell-of-grant.ts'
import { aSession } from '../support/builders.ts'
import { withMembers } from '../support/faults.ts'
import { eventually } from '../support/tables.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('tellOfGrant', () => {
  let gateway: UnitGateway

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(() => {
    gateway.published.length = 0
    gateway.logLines.length = 0
  })

  const isTold = (count: number) => eventually(async () => gateway.published.length === count, 'clients are told')

  it('tells the clients of the session whose grant is lost, and nobody of any other change', async () => {
    const { session } = await aSession({ db: gateway.stores.db })
    const { session: other } = await aSession({ db: gateway.stores.db })
    tellOfGrant(gateway, { id: other.grantId, state: 'ok' })
    tellOfGrant(gateway, { id: session.grantId, state: 'lost' })
    await isTold(1)
    expect(gateway.published).toEqual([`session-group:${session.groupId} NEEDS_REAUTHENTICATION`])
  })

  it('tells nobody of the grant of a developer token, or of a session that has ended', async () => {
    const { db } = gateway.stores
    const { session: token } = await aSession({ db }, { kind: 'DEVELOPER_TOKEN' })
    const { session } = await aSession({ db })
    tellOfGrant(gateway, { id: token.grantId, state: 'lost' })
    tellOfGrant(gateway, { id: 'gone', state: 'lost' })
    tellOfGrant(gateway, { id: session.grantId, state: 'lost' })
    await isTold(1)
  })

  it('warns in the log when the session cannot be found, and fails nobody', async () => {
    const findUnique = () => Promise.reject(new Error('no database'))
    const db = withMembers(gateway.stores.db, { session: { findUnique } })
    tellOfGrant({ stores: { ...gateway.stores, db }, runtime: gateway.runtime }, { id: 'any', state: 'lost' })
    await eventually(async () => gateway.logLines.length > 0, 'it is logged')
    expect(gateway.logLines.join()).toMatch(/"level":40.*no database.*loss of a grant not announced/)
  })
})
