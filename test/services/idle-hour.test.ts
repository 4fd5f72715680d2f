import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { CurrentUserDocument } from '../../web/generated/graphql.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { signIn } from '../support/sign-in.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

const HOUR = 60 * 60 * 1000

describeGateway('many requests at once, after an hour without any', () => {
  let atgate: TestGateway
  let replica: { url: string; close(): Promise<void> }
  let browser: HttpBrowser
  let sessionId: string
  let grantId: string

  beforeAll(async () => {
    atgate = await startGateway()
    replica = await atgate.startReplica()
  })
  afterAll(async () => {
    await replica.close()
    await atgate.close()
  })
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    sessionId = (await signIn(browser, 'alice.test')).session.id
    const { db } = atgate.gateway.stores
    grantId = (await db.session.findUniqueOrThrow({ where: { id: sessionId } })).grantId
    await db.session.update({ where: { id: sessionId }, data: { lastUsedAt: new Date(Date.now() - HOUR) } })
    await ageGrant(db, grantId, HOUR)
    atgate.stores.statements.length = 0
  })

  const ask = async (each: HttpBrowser) => (await each.graphql(CurrentUserDocument)).data?.currentUser?.handle
  const askOften = () => {
    const both = [browser, browser.at(replica.url)]
    return Promise.all(Array.from({ length: 12 }, (_, index) => ask(both[index % 2] ?? browser)))
  }
  const grant = () => atgate.gateway.stores.db.grant.findUniqueOrThrow({ where: { id: grantId } })
  const session = () => atgate.gateway.stores.db.session.findUniqueOrThrow({ where: { id: sessionId } })
  const count = (text: string) => atgate.stores.statements.filter((sql) => sql.includes(text)).length

  it('make one refresh on two replicas', async () => {
    expect(await askOften()).toEqual(Array(12).fill('alice.test'))
    await eventually(async () => (await grant()).generation === 1n, 'it is refreshed')
    await askOften()
    expect(await grant()).toMatchObject({ generation: 1n, state: 'ok' })
    expect(count('SET "sealed"')).toBe(1)
    // Once more only if the PDS wants another nonce.
    expect(count('SET "sentAt" = clock_timestamp()')).toBeLessThanOrEqual(2)
  })

  it('slide the session once', async () => {
    const { lastUsedAt } = await session()
    await askOften()
    await eventually(async () => (await session()).lastUsedAt?.getTime() !== lastUsedAt?.getTime(), 'it is touched')
    const touched = atgate.logLines.filter((line) => line.includes('session touched') && line.includes(sessionId))
    expect(touched).toHaveLength(1)
  })

  it('are answered while what they would write is locked', async () => {
    const { db } = atgate.gateway.stores
    const lasting = await db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM "Session" WHERE "id" = ${sessionId} FOR UPDATE`
      await tx.$queryRaw`SELECT 1 FROM "Grant" WHERE "id" = ${grantId} FOR UPDATE`
      const startedAt = performance.now()
      expect(await askOften()).toEqual(Array(12).fill('alice.test'))
      return performance.now() - startedAt
    })
    // A statement that waits for a lock is cancelled after five seconds.
    expect(lasting).toBeLessThan(4000)
    await eventually(async () => (await grant()).generation === 1n, 'the refresh waits for the lock, and goes on')
  })
})
