import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { entryKey, forgetEntry, readEntry, storeEntry } from '../../src/flows/stored-entry.ts'
import { newSecret } from '../../src/platform/random.ts'
import { createSealer } from '../../src/store/sealing/sealer.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('a stored entry', () => {
  let gateway: UnitGateway

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })

  const store = (key: string, value: unknown) => storeEntry(gateway, { key, value, ttlMs: 1000 })
  const find = (key: string, read: (value: unknown) => unknown = (value) => value) => readEntry(gateway, { key, read })

  it('is found by its secret, until it is forgotten', async () => {
    const key = entryKey('flow', newSecret())
    await store(key, { a: 1 })
    expect(await find(key)).toEqual({ a: 1 })
    expect(await find(key)).toEqual({ a: 1 })
    await forgetEntry(gateway, key)
    expect(await find(key)).toBeNull()
  })

  it('expires', async () => {
    const key = entryKey('flow', newSecret())
    await store(key, { a: 1 })
    gateway.clock.advance(1001)
    expect(await find(key)).toBeNull()
  })

  it('has a key that tells its secret to nobody, and is another for each prefix', () => {
    const secret = newSecret()
    expect(entryKey('flow', secret)).toMatch(/^flow:[\w-]{43}$/)
    expect(entryKey('flow', secret)).not.toContain(secret)
    expect(entryKey('exchange', secret)).toMatch(/^exchange:[\w-]{43}$/)
    expect(entryKey('flow', secret)).toBe(entryKey('flow', secret))
    expect(entryKey('flow', secret)).not.toBe(entryKey('flow', newSecret()))
  })

  it('cannot be moved to another key, or forged: that is logged, and nothing is there', async () => {
    const [key, other] = [entryKey('flow', newSecret()), entryKey('flow', newSecret())]
    await store(key, { a: 1 })
    await gateway.stores.ephemeral.set(other, (await gateway.stores.ephemeral.get(key)) ?? '', { ttlMs: 1000 })
    gateway.logLines.length = 0
    expect(await find(other)).toBeNull()
    expect(gateway.logLines).toEqual([expect.stringContaining('stored flow not readable')])
    await gateway.stores.ephemeral.set(other, 'forged', { ttlMs: 1000 })
    expect(await find(other)).toBeNull()
  })

  it('that another replica sealed with a key that this one does not have yet may be read later', async () => {
    const key = entryKey('flow', newSecret())
    const sealer = createSealer([{ id: 'next', secret: randomBytes(32) }])
    await storeEntry({ stores: { ...gateway.stores, sealer } }, { key, value: { a: 1 }, ttlMs: 1000 })
    await expect(find(key)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryAfter: 2 })
    expect(
      await readEntry({ ...gateway, stores: { ...gateway.stores, sealer } }, { key, read: (value) => value }),
    ).toEqual({ a: 1 })
  })

  it('of another form, as another version writes it, is logged, and nothing is there', async () => {
    const key = entryKey('flow', newSecret())
    await store(key, { a: 1 })
    gateway.logLines.length = 0
    expect(await find(key, (value) => z.object({ b: z.number() }).parse(value))).toBeNull()
    expect(gateway.logLines).toEqual([expect.stringContaining('stored flow not readable')])
  })

  it('that its reader fails at is no value that is not there', async () => {
    const key = entryKey('flow', newSecret())
    await store(key, { a: 1 })
    const fail = () => {
      throw new TypeError('a mistake')
    }
    await expect(find(key, fail)).rejects.toThrow('a mistake')
  })
})
