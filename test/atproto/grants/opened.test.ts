import { expect, it } from 'vitest'
import { createOpenedGrants } from '../../../src/atproto/grants/opened.ts'
import { aHeldGrant } from '../../support/pds-calls.ts'

const HOUR = 3_600_000
const inAnHour = () => new Date(Date.now() + HOUR)

it('finds a token set by the generation that was just read', async () => {
  const opened = createOpenedGrants()
  const held = opened.keep(await aHeldGrant({ generation: 1n }))
  expect(opened.find(held.id, { generation: 1n, accessEndsAt: inAnHour() })).toBe(held)
  expect(opened.find(held.id, { generation: 1n, accessEndsAt: null })).toBe(held)
})

it('finds none that was replaced, has ended, or of which nothing is known', async () => {
  const opened = createOpenedGrants()
  const held = opened.keep(await aHeldGrant({ generation: 1n }))
  expect(opened.find(held.id, { generation: 2n, accessEndsAt: inAnHour() })).toBeUndefined()
  expect(opened.find(held.id, { generation: 0n, accessEndsAt: inAnHour() })).toBeUndefined()
  expect(opened.find(held.id, { generation: 1n, accessEndsAt: new Date(Date.now() - 1) })).toBeUndefined()
  expect(opened.find(held.id, undefined)).toBeUndefined()
  expect(opened.find('another', { generation: 1n, accessEndsAt: inAnHour() })).toBeUndefined()
})

it('finds none whose own access token has ended, whatever the row says', async () => {
  const opened = createOpenedGrants()
  const held = opened.keep(await aHeldGrant({ expires_at: new Date(Date.now() - 1).toISOString() }))
  expect(opened.find(held.id, { generation: 0n, accessEndsAt: inAnHour() })).toBeUndefined()
})
