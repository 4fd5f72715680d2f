import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { startKeyRotation } from '../../src/jobs/identity-keys.ts'

const INTERVAL = 5 * 60_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('maintains the keys every five minutes, also after a round that failed', async () => {
  const warnings: string[] = []
  let rounds = 0
  const maintain = async () => {
    rounds++
    if (rounds === 1) throw new Error('the database is away')
  }
  const logger = { warn: (_fields: object, text: string) => void warnings.push(text) }
  const stop = startKeyRotation({ maintain }, logger as Parameters<typeof startKeyRotation>[1])
  await vi.advanceTimersByTimeAsync(INTERVAL - 1)
  expect(rounds).toBe(0)
  await vi.advanceTimersByTimeAsync(1)
  expect([rounds, warnings]).toEqual([1, ['identity keys not maintained until the next round']])
  await vi.advanceTimersByTimeAsync(INTERVAL)
  expect([rounds, warnings.length]).toEqual([2, 1])
  await stop()
  await vi.advanceTimersByTimeAsync(3 * INTERVAL)
  expect(rounds).toBe(2)
})

it('has one round at a time, and waits for it when it is stopped', async () => {
  let finish = () => {}
  let rounds = 0
  const maintain = () => {
    rounds++
    return new Promise<void>((resolve) => (finish = resolve))
  }
  const stop = startKeyRotation({ maintain }, { warn: () => undefined })
  await vi.advanceTimersByTimeAsync(3 * INTERVAL)
  expect(rounds).toBe(1)
  let hasStopped = false
  const stopped = stop().then(() => (hasStopped = true))
  await vi.advanceTimersByTimeAsync(0)
  expect(hasStopped).toBe(false)
  finish()
  await stopped
})
