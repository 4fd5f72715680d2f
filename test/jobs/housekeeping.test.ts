import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { startHousekeeping } from '../../src/jobs/housekeeping.ts'
import { withMembers } from '../support/faults.ts'
import { eventually } from '../support/tables.ts'
import { openUnitGateway } from '../support/unit-gateway.ts'

const MINUTE = 60_000

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
afterEach(() => void vi.useRealTimers())

it('keeps idle grants alive every five minutes, one pass at a time, until it is stopped', async () => {
  const gateway = await openUnitGateway()
  const passes: PromiseWithResolvers<string[]>[] = []
  const idle = withMembers(gateway.atproto.grants.idle, {
    claimDue() {
      const pass = Promise.withResolvers<string[]>()
      passes.push(pass)
      return pass.promise
    },
  })
  const atproto = { ...gateway.atproto, grants: { ...gateway.atproto.grants, idle } }
  const stop = startHousekeeping({ ...gateway, atproto })
  vi.advanceTimersByTime(5 * MINUTE - 1)
  expect(passes).toHaveLength(0)
  vi.advanceTimersByTime(1)
  expect(passes).toHaveLength(1)
  vi.advanceTimersByTime(15 * MINUTE)
  expect(passes).toHaveLength(1)
  passes[0]?.resolve([])
  await eventually(async () => {
    vi.advanceTimersByTime(5 * MINUTE)
    return passes.length === 2
  }, 'the next pass begins')
  await stop()
  passes[1]?.resolve([])
  vi.advanceTimersByTime(15 * MINUTE)
  expect(passes).toHaveLength(2)
})
