import { pino } from 'pino'
import { beforeEach, describe, expect, it } from 'vitest'
import { createLimits, DEFAULT_RATE_LIMITS, type Limits } from '../../src/platform/limits.ts'
import { createInProcessStore } from '../../src/store/ephemeral/in-process-store.ts'
import { cutOutOfHeaders, heldAfter } from '../support/held-memory.ts'
import { createMovableClock, type MovableClock } from '../support/movable-clock.ts'

const MINUTE = 60_000

describe('limits', () => {
  let clock: MovableClock
  let limits: Limits
  let logLines: string[]
  /** How often the store was asked to count. */
  let counted: number

  beforeEach(() => {
    clock = createMovableClock()
    logLines = []
    counted = 0
    limits = open({ ...DEFAULT_RATE_LIMITS, starts: 2 })
  })

  function open(rateLimits: Parameters<typeof createLimits>[0]['rateLimits']): Limits {
    const store = createInProcessStore({ clock })
    return createLimits({
      rateLimits,
      clock,
      logger: pino({}, { write: (line: string) => void logLines.push(line) }),
      openCounter(options) {
        const counter = store.counter(options)
        return {
          consume(key) {
            counted++
            return counter.consume(key)
          },
        }
      },
    })
  }
  const start = (key = 'one') => limits.starts.consume(key)
  const limited = { code: 'RATE_LIMITED' }

  it('refuse what is too much, and say for how long', async () => {
    await start()
    clock.advance(20_000)
    await start()
    const refusal = await start().catch((error: unknown) => error)
    expect(refusal).toMatchObject({ ...limited, retryAfter: expect.toSatisfy((after) => after === 40 || after === 39) })
    expect(String(refusal)).toMatch(/Too many sign-ins .* Try again in (40|39) seconds/)
  })

  it('count each key by itself, and each limit', async () => {
    await Promise.all([start(), start()])
    await expect(start()).rejects.toMatchObject(limited)
    await start('other')
    await limits.failures.consume('one')
  })

  it('allow as much again after a minute', async () => {
    await Promise.all([start(), start()])
    await expect(start()).rejects.toMatchObject(limited)
    clock.advance(MINUTE)
    await Promise.all([start(), start()])
    await expect(start()).rejects.toMatchObject(limited)
  })

  it('refuse without asking the store again, and are logged once a minute', async () => {
    await Promise.all([start(), start()])
    for (let times = 0; times < 10; times++) await expect(start()).rejects.toMatchObject(limited)
    expect(counted).toBe(3)
    expect(logLines.map((line) => JSON.parse(line))).toMatchObject([{ limit: 'starts', key: 'one' }])
  })

  it('can be asked without being counted', async () => {
    for (let times = 0; times < 10; times++) limits.starts.requireBelow('one')
    await Promise.all([start(), start()])
    limits.starts.requireBelow('one')
    await expect(start()).rejects.toMatchObject(limited)
    expect(() => limits.starts.requireBelow('one')).toThrow('Too many sign-ins')
    expect(() => limits.starts.requireBelow('other')).not.toThrow()
    expect([limits.starts.isReached('one'), limits.starts.isReached('other')]).toEqual([true, false])
    clock.advance(MINUTE)
    limits.starts.requireBelow('one')
    expect(limits.starts.isReached('one')).toBe(false)
  })

  it('hold no more of a request than its address', async () => {
    const held = await heldAfter(async () => {
      for (const address of cutOutOfHeaders(1000)) {
        for (let times = 0; times < 3; times++) await limits.starts.tryConsume(address)
      }
      logLines.length = 0
    })
    expect(held).toBeLessThan(6e6)
    expect(limits.starts.isReached('00000000000000000000')).toBe(true)
  })

  it('refuse nothing where they are off', async () => {
    const off = open(null)
    for (let times = 0; times < 1000; times++) await off.pushes.consume('one')
    off.pushes.requireBelow('one')
    expect([counted, off.pushes.isReached('one')]).toEqual([0, false])
  })
})
