import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { oneTimeKey, storeOnce, takeOnce } from '../../src/flows/sealed-once.ts'
import { newSecret } from '../../src/platform/random.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('a value to be taken once', () => {
  let gateway: UnitGateway

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })

  const store = (key: string, value: unknown) => storeOnce(gateway, { key, value, ttlMs: 1000 })
  const take = (key: string, read: (value: unknown) => unknown = (value) => value) => takeOnce(gateway, { key, read })

  it('is found by its secret, once', async () => {
    const key = oneTimeKey('flow', newSecret())
    await store(key, { a: 1 })
    expect(await take(key)).toEqual({ a: 1 })
    expect(await take(key)).toBeNull()
  })

  it('expires', async () => {
    const key = oneTimeKey('flow', newSecret())
    await store(key, { a: 1 })
    gateway.clock.advance(1001)
    expect(await take(key)).toBeNull()
  })

  it('has a key that tells its secret to nobody, and is another for each prefix', () => {
    const secret = newSecret()
    expect(oneTimeKey('flow', secret)).toMatch(/^flow:[\w-]{43}$/)
    expect(oneTimeKey('flow', secret)).not.toContain(secret)
    expect(oneTimeKey('exchange', secret)).toMatch(/^exchange:[\w-]{43}$/)
    expect(oneTimeKey('flow', secret)).toBe(oneTimeKey('flow', secret))
    expect(oneTimeKey('flow', secret)).not.toBe(oneTimeKey('flow', newSecret()))
  })

  it('cannot be moved to another key, or forged: that is logged, and nothing is there', async () => {
    const [key, other] = [oneTimeKey('flow', newSecret()), oneTimeKey('flow', newSecret())]
    await store(key, { a: 1 })
    await gateway.stores.ephemeral.set(other, (await gateway.stores.ephemeral.get(key)) ?? '', { ttlMs: 1000 })
    gateway.logLines.length = 0
    expect(await take(other)).toBeNull()
    expect(gateway.logLines).toEqual([expect.stringContaining('stored flow not readable')])
    await gateway.stores.ephemeral.set(other, 'forged', { ttlMs: 1000 })
    expect(await take(other)).toBeNull()
  })

  it('of another form, as another version writes it, is logged, and nothing is there', async () => {
    const key = oneTimeKey('flow', newSecret())
    await store(key, { a: 1 })
    gateway.logLines.length = 0
    expect(await take(key, (value) => z.object({ b: z.number() }).parse(value))).toBeNull()
    expect(gateway.logLines).toEqual([expect.stringContaining('stored flow not readable')])
  })

  it('that its reader fails at is no value that is not there', async () => {
    const key = oneTimeKey('flow', newSecret())
    await store(key, { a: 1 })
    const fail = () => {
      throw new TypeError('a mistake')
    }
    await expect(take(key, fail)).rejects.toThrow('a mistake')
  })
})
