import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'

let atgate: TestGateway

beforeAll(async () => {
  atgate = await startGateway()
})
afterAll(() => atgate.close())

it.each([
  ['a call', '/auth/start?handle=alice.test', { accept: 'application/json' }, 200],
  ['a call that is refused', '/auth/start', { accept: 'application/json' }, 400],
  ['a call from elsewhere', '/auth/start', { origin: 'https://evil.example' }, 403],
  ['a callback', '/auth/callback?state=unknown', {}, 303],
])('%s is cached by nobody, and tells no other site its address', async (_what, path, headers, status) => {
  const response = await fetch(atgate.url + path, { headers, redirect: 'manual' })
  expect(response.status).toBe(status)
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('referrer-policy')).toBe('no-referrer')
})
