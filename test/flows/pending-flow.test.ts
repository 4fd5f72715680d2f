import { beforeAll, describe, expect, it } from 'vitest'
import { bindToCookie } from '../../src/flows/client-binding.ts'
import { PENDING_FLOW_TTL } from '../../src/flows/flow-lifetime.ts'
import { forgetPendingFlow, readPendingFlow, savePendingFlow } from '../../src/flows/pending-flow.ts'
import { newSecret } from '../../src/platform/random.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('a pending flow', () => {
  let gateway: UnitGateway

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })

  function aPendingFlow() {
    return {
      kind: 'add_account' as const,
      purpose: { starter: { did: null, groupId: 'group' }, begunAt: new Date(Date.UTC(2026, 0, 1)) },
      binding: bindToCookie('cookie'),
      returnTo: 'https://app.example.com/settings',
      account: 'did:web:bob.test',
      scopes: ['atproto'],
      optionalScopes: ['transition:email'],
      needsOptional: true,
      request: {
        state: newSecret(),
        saved: {
          iss: 'https://pds.example.com',
          dpopJwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' },
          authMethod: { method: 'none' as const },
          verifier: 'verifier',
        },
      },
    } as Parameters<typeof savePendingFlow>[1]
  }

  it('is read by its state as it was saved, until it is forgotten', async () => {
    const { kind, purpose, ...saved } = aPendingFlow()
    await savePendingFlow(gateway, { kind, purpose, ...saved })
    const found = await readPendingFlow(gateway, saved.request.state)
    expect(found).toMatchObject({ ...saved, flow: { kind, purpose, starter: { groupId: 'group' } } })
    if (found === null) throw new TypeError('no flow')
    expect(await readPendingFlow(gateway, saved.request.state)).toMatchObject(saved)
    await forgetPendingFlow(gateway, found)
    expect(await readPendingFlow(gateway, saved.request.state)).toBeNull()
  })

  it('is kept ten minutes', async () => {
    const flow = aPendingFlow()
    await savePendingFlow(gateway, flow)
    expect(PENDING_FLOW_TTL).toBe(10 * 60_000)
    gateway.clock.advance(PENDING_FLOW_TTL + 1)
    expect(await readPendingFlow(gateway, flow.request.state)).toBeNull()
  })

  it('shows nothing of itself in the store', async () => {
    const flow = aPendingFlow()
    const held: string[] = []
    const ephemeral: typeof gateway.stores.ephemeral = {
      ...gateway.stores.ephemeral,
      set: async (key, value) => void held.push(key, value),
    }
    await savePendingFlow({ stores: { ...gateway.stores, ephemeral } }, flow)
    expect(held[0]).toMatch(/^flow:/)
    expect(held.join(' ')).not.toMatch(new RegExp(`verifier|${flow.request.state}`))
  })

  it.each([
    ['of an unknown kind', { kind: 'something_new' }],
    ['without the starter that its kind has', { purpose: {} }],
    ['with a return address that is no URL', { returnTo: 'settings' }],
    ['without the account that is meant', { account: undefined }],
    ['with scopes of another form', { scopes: 'atproto' }],
    ['without its binding', { binding: { kind: 'cookie' } }],
  ])('%s, as another version writes it, is not there', async (_what, change) => {
    const flow = aPendingFlow()
    await savePendingFlow(gateway, { ...flow, ...change } as typeof flow)
    expect(await readPendingFlow(gateway, flow.request.state)).toBeNull()
  })
})
