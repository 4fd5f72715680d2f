import { expect, it } from 'vitest'
import { announce, channelOf, isKnownKind } from '../../src/sessions/changes.ts'
import { eventually } from '../support/tables.ts'
import { openUnitGateway } from '../support/unit-gateway.ts'

it('changes are announced on the channel of their group', async () => {
  const gateway = await openUnitGateway()
  announce(gateway, { groupId: 'a group', kind: 'SIGNED_OUT' })
  expect(gateway.published).toEqual([`${channelOf('a group')} SIGNED_OUT`])
})

it('changes that cannot be announced are logged, and fail nobody', async () => {
  const gateway = await openUnitGateway()
  const publish = () => Promise.reject(new Error('no store'))
  const ephemeral = { ...gateway.stores.ephemeral, publish }
  announce({ ...gateway, stores: { ...gateway.stores, ephemeral } }, { groupId: 'a group', kind: 'SIGNED_OUT' })
  const line = () => gateway.logLines.find((each) => each.includes('session change not announced'))
  await eventually(async () => line() !== undefined, 'it is logged')
  expect(line()).toMatch(/"level":40.*no store.*SIGNED_OUT/)
})

it('a kind that a newer replica announces is not known', () => {
  expect(['SIGNED_OUT', 'SOMETHING_NEW'].map(isKnownKind)).toEqual([true, false])
})
