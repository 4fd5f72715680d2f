import { beforeAll, describe, expect, it } from 'vitest'
import { claimFlow } from '../../src/flows/claim.ts'
import { PENDING_FLOW_TTL } from '../../src/flows/flow-lifetime.ts'
import { newSecret } from '../../src/platform/random.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('the claim of a flow', () => {
  let gateway: UnitGateway

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })

  it('goes to one of many at the same instant, and to nobody after', async () => {
    const state = newSecret()
    const claims = await Promise.all(Array.from({ length: 10 }, () => claimFlow(gateway, state)))
    expect(claims.filter(Boolean)).toHaveLength(1)
    expect(await claimFlow(gateway, state)).toBe(false)
    expect(await claimFlow(gateway, newSecret())).toBe(true)
  })

  it('outlives the flow, and does not tell its state', async () => {
    const state = newSecret()
    await claimFlow(gateway, state)
    const claims = await gateway.stores.db.claimedFlow.findMany()
    expect(JSON.stringify(claims)).not.toContain(state)
    for (const { endsAt } of claims) expect(endsAt.getTime()).toBeGreaterThan(gateway.clock() + PENDING_FLOW_TTL)
  })
})
