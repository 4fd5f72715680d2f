import { randomBytes } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { requireReadableGrants } from '../../../src/atproto/grants/readable.ts'
import { createSealer } from '../../../src/store/sealing/sealer.ts'
import { aSession } from '../../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../../support/unit-gateway.ts'

describe('the encryption keys, at start', () => {
  const aKey = (id = 'k1') => ({ id, secret: randomBytes(32) })
  const key = aKey()
  let gateway: UnitGateway
  let warnings: object[]
  const logger = { warn: (fields: object) => void warnings.push(fields) } as Parameters<typeof requireReadableGrants>[1]

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    warnings = []
    await gateway.stores.db.session.deleteMany()
    await gateway.stores.db.grant.deleteMany()
  })

  async function grantsSealedWith(count: number, { id, secret } = key): Promise<void> {
    const { db } = gateway.stores
    for (let index = 0; index < count; index++) {
      const { session } = await aSession({ db })
      const sealed = await createSealer([{ id, secret }]).seal({ index }, `grant:${session.grantId}`)
      await db.grant.update({ where: { id: session.grantId }, data: { sealed } })
    }
  }
  const check = (...keys: ReturnType<typeof aKey>[]) =>
    requireReadableGrants({ db: gateway.stores.db, sealer: createSealer(keys) }, logger)

  it('are right where there is nothing to open, and where they open everything', async () => {
    await check(aKey())
    await grantsSealedWith(3)
    await check(aKey('k2'), key)
    expect(warnings).toEqual([])
  })

  it.each([
    ['of another name', aKey('k2')],
    ['of the same name', aKey('k1')],
  ])(
    'are wrong where another key %s opens none: the gateway does not start, and says how many',
    async (_what, other) => {
      await grantsSealedWith(3)
      await expect(check(other)).rejects.toThrow('ENCRYPTION_KEYS open none of the 3 grants in the database.')
    },
  )

  it('are warned of where one is missing', async () => {
    await grantsSealedWith(2)
    await grantsSealedWith(1, aKey('gone'))
    await check(key)
    expect(warnings).toEqual([{ tried: 3, readable: 2 }])
  })
})
