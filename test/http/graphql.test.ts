import { auditServer } from 'graphql-http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { aSession } from '../support/builders.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { WAYS } from '../support/post-graphql.ts'

let atgate: TestGateway

beforeAll(async () => {
  atgate = await startGateway()
})
afterAll(() => atgate.close())

async function post(query: string, accept: string): Promise<Response> {
  const { token } = await aSession({ db: atgate.stores.database.prisma }, { kind: 'SDK' })
  return fetch(`${atgate.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
  })
}

it('sends a stream that no proxy buffers, and whose connection ends with it', async () => {
  const response = await post('subscription { sessionChanged { kind } }', 'text/event-stream')
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  expect(response.headers.get('x-accel-buffering')).toBe('no')
  expect(response.headers.get('connection')).toBe('close')
  await response.body?.cancel()
})

it('sends an answer that nobody caches, over a connection that stays open', async () => {
  const response = await post('{ currentUser { did } }', 'application/json')
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('referrer-policy')).toBe('no-referrer')
  expect(response.headers.get('x-accel-buffering')).toBeNull()
  expect(response.headers.get('connection')).toBe('keep-alive')
})

it.each(WAYS)('follows GraphQL over HTTP by %s, in everything that the audit checks', async (_way, accept) => {
  const [, parameter = ''] = accept.split(';')
  const results = await auditServer({
    url: `${atgate.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) => {
      const headers = new Headers(init.headers)
      const asked = headers.get('accept')
      if (parameter !== '' && asked !== null)
        headers.set('accept', asked.replaceAll(/json(?=,|$)/g, `json;${parameter}`))
      return fetch(url, { ...init, headers })
    },
  })
  expect(results.filter(({ status }) => status !== 'ok').map(({ name }) => name)).toEqual([])
  expect(results).toHaveLength(61)
})
