import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isDue, LOOKED_UP_FOR, lookUpAgain } from '../../src/accounts/look-up-again.ts'
import type { Profile } from '../../src/atproto/profile.ts'
import { aSession } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const HOUR = 60 * 60 * 1000

describe('an account that is due to be looked up', () => {
  let gateway: UnitGateway
  let did: string
  let now: number
  let lookUps: string[]
  let profile: Profile | null
  let lookUp: () => Promise<void>
  /** What was stored each time that something was told to have changed. */
  let told: Promise<{ handle: string }>[]

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    now = gateway.clock()
    did = (await aSession({ db: gateway.stores.db, now })).session.did
    await gateway.stores.db.account.update({
      where: { did },
      data: { handle: 'old.test', displayName: 'Old', lookUpAfter: new Date(now) },
    })
    lookUps = []
    profile = { displayName: 'New', avatarUrl: null }
    lookUp = async () => undefined
    told = []
  })

  const again = (at = now) =>
    lookUpAgain(
      {
        db: gateway.stores.db,
        identities: {
          async lookUp(asked) {
            lookUps.push(asked)
            await lookUp()
            return { did: asked, handle: 'new.test', pdsUrl: 'https://new.test' }
          },
        },
        profiles: { read: async () => profile },
        logger: gateway.runtime.logger,
        onChange: () => void told.push(account()),
      },
      { did, now: at },
    )
  const account = () => gateway.stores.db.account.findUniqueOrThrow({ where: { did } })

  it('is looked up by one of many at once, and then not for a day', async () => {
    await Promise.all(Array.from({ length: 5 }, () => again()))
    expect(lookUps).toEqual([did])
    const found = await account()
    expect(found).toMatchObject({ handle: 'new.test', pdsUrl: 'https://new.test', displayName: 'New' })
    expect((await Promise.all(told)).at(-1)).toEqual(found)
    expect(found.refreshedAt).toEqual(new Date(now))
    expect(isDue(found, now + LOOKED_UP_FOR - 1)).toBe(false)
    expect(isDue(found, now + LOOKED_UP_FOR)).toBe(true)
    expect(LOOKED_UP_FOR).toBe(24 * HOUR)
    await again(now + 1)
    expect(lookUps).toEqual([did])
  })

  it('keeps the profile that could not be read', async () => {
    profile = null
    await again()
    expect(await account()).toMatchObject({ handle: 'new.test', displayName: 'Old' })
  })

  it('keeps what is known while nobody answers, and is tried again in an hour', async () => {
    lookUp = () => Promise.reject(new Error('the directory is away'))
    await again()
    const kept = await account()
    expect(kept).toMatchObject({ handle: 'old.test', displayName: 'Old' })
    expect([isDue(kept, now + HOUR - 1), isDue(kept, now + HOUR)]).toEqual([false, true])
    lookUp = async () => undefined
    await again(now + HOUR)
    expect(await account()).toMatchObject({ handle: 'new.test' })
  })

  it('is not written again when it was forgotten meanwhile', async () => {
    lookUp = async () => {
      const { db } = gateway.stores
      await db.session.deleteMany({ where: { did } })
      await db.account.delete({ where: { did } })
    }
    await again()
    expect(await gateway.stores.db.account.count({ where: { did } })).toBe(0)
  })
})
