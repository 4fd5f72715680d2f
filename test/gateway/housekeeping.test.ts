import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { sweep } from '../../src/jobs/housekeeping.ts'
import { newId } from '../../src/platform/random.ts'
import { ExchangeTokenDocument, LogoutDocument, RevokeSessionDocument } from '../../web/generated/graphql.ts'
import { withMembers } from '../support/faults.ts'
import {
  addAccount,
  currentUserOf,
  dataOf,
  exchange,
  finishAs,
  reachedBy,
  startAddAccount,
  switcherOf,
  switchTo,
} from '../support/flows.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { askAuthorizationServer, openGrant, replaceTokenSet } from '../support/grants.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { obtainExchangeToken, signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'
import { countRows, eventually } from '../support/tables.ts'

const DAY = 24 * 60 * 60 * 1000
const MINUTE = 60_000
const NOTHING = { groups: 0, sessions: 0, tokens: 0, grants: 0 }

describeGateway('housekeeping', () => {
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    await atgate.gateway.stores.db.session.deleteMany()
    await atgate.gateway.stores.db.sessionGroup.deleteMany()
    await atgate.gateway.stores.db.grant.deleteMany()
  })

  const remaining = async () => {
    const { accounts, ...rest } = await countRows(atgate.gateway.stores.db)
    return rest
  }
  const becomesNothing = () =>
    eventually(async () => JSON.stringify(await remaining()) === JSON.stringify(NOTHING), 'nothing remains')

  it('ends sessions that have expired, with their groups and grants', async () => {
    const { session } = await signIn(browser, 'alice.test')
    await addAccount(browser, 'bob.test')
    await sweep(atgate.gateway)
    expect(await remaining()).toEqual({ groups: 1, sessions: 2, tokens: 2, grants: 2 })
    const { grantId } = await atgate.gateway.stores.db.session.findUniqueOrThrow({ where: { id: session.id } })
    const grant = await openGrant(atgate.gateway, grantId)
    // Shortened, so that the grants are still honoured when their sessions end.
    await atgate.gateway.stores.db.session.updateMany({ data: { expiresAt: new Date(atgate.stores.clock() - 1) } })
    await sweep(atgate.gateway)
    await becomesNothing()
    const server = await askAuthorizationServer(atgate.gateway, grant)
    await expect(server.refresh()).rejects.toMatchObject({ error: 'invalid_grant' })
  })

  it('gives up sessions that were never exchanged, once they cannot be any more', async () => {
    await obtainExchangeToken(browser, 'alice.test')
    await sweep(atgate.gateway)
    expect(await remaining()).toEqual({ groups: 0, sessions: 1, tokens: 0, grants: 1 })
    await atgate.stores.advance(121_000)
    await sweep(atgate.gateway)
    await becomesNothing()
  })

  it('keeps the accounts beside one that was signed out from elsewhere: their browser still reaches them', async () => {
    const alice = await signIn(browser, 'alice.test')
    const bob = await addAccount(browser, 'bob.test')
    await switchTo(browser, alice.account.did)
    const elsewhere = createHttpBrowser(atgate.url)
    await signIn(elsewhere, 'alice.test')
    dataOf(await elsewhere.graphql(RevokeSessionDocument, { input: { id: alice.session.id } }))
    expect(await currentUserOf(browser)).toBeNull()
    await atgate.stores.advance(MINUTE + 1)
    await sweep(atgate.gateway)
    expect(await remaining()).toMatchObject({ groups: 2, sessions: 2, tokens: 2 })
    await switchTo(browser, bob.account.did)
    expect(await switcherOf(browser)).toEqual(['BOB.TEST'])
    expect(await switcherOf(elsewhere)).toEqual(['ALICE.TEST'])
  })

  it('ends a sign-in whose cookie was never used within a day', async () => {
    const exchangeToken = await obtainExchangeToken(browser, 'alice.test')
    dataOf(await browser.graphql(ExchangeTokenDocument, { input: { exchangeToken } }))
    await atgate.stores.advance(DAY - 1000)
    await sweep(atgate.gateway)
    expect(await remaining()).toEqual({ groups: 1, sessions: 1, tokens: 1, grants: 1 })
    await atgate.stores.advance(1001)
    await sweep(atgate.gateway)
    await becomesNothing()
    expect(await reachedBy(browser)).toBe('UNAUTHENTICATED')
  })

  it('ends an account that was added with a cookie that was never used within a day, and nothing else', async () => {
    await signIn(browser, 'alice.test')
    const former = { cookie: `atgate=${await browser.sessionCookie()}` }
    const destination = await finishAs(browser, await startAddAccount(browser, 'bob.test'), 'bob.test')
    dataOf(await exchange(browser, destination))
    await atgate.stores.advance(DAY + 1)
    await sweep(atgate.gateway)
    await eventually(
      async () =>
        JSON.stringify(await remaining()) === JSON.stringify({ groups: 1, sessions: 1, tokens: 1, grants: 1 }),
      'the session of Bob and its grant are gone',
    )
    expect(await reachedBy(browser, former)).toEqual(['ALICE.TEST'])
  })

  it('ends a replaced token after its minute, and no session that the newer one reaches', async () => {
    await signIn(browser, 'alice.test')
    await addAccount(browser, 'bob.test')
    await atgate.stores.advance(MINUTE)
    await sweep(atgate.gateway)
    expect(await remaining()).toEqual({ groups: 1, sessions: 2, tokens: 1, grants: 2 })
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
  })

  it('revokes what could not be revoked at first, and forgets grants that nobody honours any more', async () => {
    const { session } = await signIn(browser, 'alice.test')
    const { grantId } = await atgate.gateway.stores.db.session.findUniqueOrThrow({ where: { id: session.id } })
    const { iss } = (await openGrant(atgate.gateway, grantId)).tokenSet
    await replaceTokenSet(atgate.gateway, grantId, { iss: `http://localhost:${await freePort()}` })
    await browser.graphql(LogoutDocument)
    expect(await currentUserOf(browser)).toBeNull()
    // The server is away: the user is signed out all the same, and the grant waits for its retries.
    expect(await remaining()).toEqual({ groups: 0, sessions: 0, tokens: 0, grants: 1 })
    await replaceTokenSet(atgate.gateway, grantId, { iss })
    await becomesNothing()

    const orphan = { id: newId(), did: 'did:plc:x', issuer: 'x', scope: 'atproto', sealed: 'x' }
    const past = { updatedAt: new Date(0), refreshAfter: new Date(0), expiresAt: new Date(0) }
    await atgate.gateway.stores.db.grant.create({ data: { ...orphan, ...past } })
    await sweep(atgate.gateway)
    await becomesNothing()
  })

  it('works in bounded batches until it is done, and deletes audit events past their time', async () => {
    const { db } = atgate.gateway.stores
    const { clock } = atgate.stores
    await db.auditEvent.deleteMany()
    const event = (at: number) => ({ id: newId(), at: new Date(at), kind: 'signed_out' })
    const old = clock() - 91 * DAY
    await db.auditEvent.createMany({ data: Array.from({ length: 1100 }, () => event(old)) })
    await db.auditEvent.create({ data: event(clock() - 89 * DAY) })
    const before = atgate.stores.statements.length
    await sweep(atgate.gateway)
    expect(await db.auditEvent.count()).toBe(1)
    const statements = atgate.stores.statements.slice(before)
    expect(statements.filter((sql) => sql.includes('DELETE FROM "AuditEvent"'))).toHaveLength(3)
  })

  it('forgets the claims of flows that nobody can finish any more', async () => {
    const { db } = atgate.gateway.stores
    await signIn(browser, 'alice.test')
    expect(await db.claimedFlow.count()).toBeGreaterThan(0)
    await atgate.stores.advance(16 * MINUTE)
    await signIn(browser, 'alice.test')
    await sweep(atgate.gateway)
    expect(await db.claimedFlow.count()).toBe(1)
  })

  it('goes on with the other steps where one fails, and says which', async () => {
    const { db } = atgate.gateway.stores
    await db.auditEvent.create({ data: { id: newId(), at: new Date(0), kind: 'signed_out' } })
    const failing = withMembers(db, { $transaction: () => Promise.reject(new Error('no transaction')) })
    const logLines: object[] = []
    const logger = withMembers(atgate.gateway.runtime.logger, { warn: (line: object) => void logLines.push(line) })
    await sweep({
      ...atgate.gateway,
      stores: { ...atgate.gateway.stores, db: failing },
      runtime: { ...atgate.gateway.runtime, logger },
    })
    expect(await db.auditEvent.count({ where: { at: new Date(0) } })).toBe(0)
    expect(logLines).toContainEqual(expect.objectContaining({ step: 'expired sessions' }))
  })

  it('may be done by several replicas at once', async () => {
    await Promise.all([1, 2, 3].map(() => obtainExchangeToken(createHttpBrowser(atgate.url), 'alice.test')))
    const exchangeToken = await obtainExchangeToken(browser, 'bob.test')
    dataOf(await browser.graphql(ExchangeTokenDocument, { input: { exchangeToken } }))
    await atgate.stores.advance(DAY)
    await Promise.all([sweep(atgate.gateway), sweep(atgate.gateway), sweep(atgate.gateway)])
    await becomesNothing()
  })
})
