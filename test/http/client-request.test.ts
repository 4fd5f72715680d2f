import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Environment } from '../../src/config/config.ts'
import { LogoutDocument } from '../../web/generated/graphql.ts'
import { aSession } from '../support/builders.ts'
import { dataOf } from '../support/flows.ts'
import { startGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { openStores, type Stores } from '../support/stores.ts'

let stores: Stores

beforeAll(async () => {
  stores = await openStores()
})
afterAll(() => stores.close())

/** What the audit trail says of a client that signs out with these headers, at a gateway with these settings. */
async function auditedClient(environment: Environment, headers: Record<string, string>) {
  const { prisma: db } = stores.database
  const atgate = await startGateway(environment, stores)
  const { session, token } = await aSession({ db }, { kind: 'SDK' })
  const authorization = `Bearer ${token}`
  dataOf(await createHttpBrowser(atgate.url).graphql(LogoutDocument, {}, { authorization, ...headers }))
  await atgate.stop()
  const { ip, userAgent } = await db.auditEvent.findFirstOrThrow({ where: { sessionId: session.id } })
  return { ip, userAgent }
}

it.each([
  ['off', '127.0.0.1'],
  ['10.0.0.0/8', '127.0.0.1'],
  // The last proxy wrote the last address; what stands before it, anybody could have written.
  ['127.0.0.1', '203.0.113.7'],
  ['on', '198.51.100.1'],
])('with TRUST_PROXY %s takes the client of a forwarded request to be %s', async (trustProxy, ip) => {
  const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.7' }
  expect(await auditedClient({ TRUST_PROXY: trustProxy }, headers)).toMatchObject({ ip })
})

it('cuts the user agent at 300 characters', async () => {
  const text = 'a'.repeat(300)
  expect(await auditedClient({}, { 'user-agent': `${text}bc` })).toMatchObject({ userAgent: text })
  expect(await auditedClient({}, { 'user-agent': text })).toMatchObject({ userAgent: text })
})
