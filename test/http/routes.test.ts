import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { openStores, type Stores } from '../support/stores.ts'

let stores: Stores

beforeAll(async () => {
  stores = await openStores()
})
afterAll(() => stores.close())

it('a gateway that closes ends the connections that clients keep open', async () => {
  const atgate = await startGateway({}, stores)
  const socket = connect(Number(new URL(atgate.url).port), '127.0.0.1')
  socket.write('GET /oauth-client-metadata.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
  await once(socket, 'data')
  const ended = once(socket, 'end')
  socket.resume()
  await atgate.stop()
  await ended
})

it.each(['/', '/auth/start', '/auth/callback', '/graphql', '/oauth-client-metadata.json'])(
  'HEAD %s is no route: it must not do what GET does',
  async (path) => {
    const atgate = await startGateway({}, stores)
    const response = await fetch(atgate.url + path, { method: 'HEAD' })
    await atgate.stop()
    expect(response.status).toBe(404)
  },
)

it('over http, sends a browser that came to localhost to the address that the OAuth client returns to', async () => {
  const atgate = await startGateway({}, stores)
  const { port } = new URL(atgate.url)
  const response = await fetch(`http://localhost:${port}/auth/start?handle=alice.test`, { redirect: 'manual' })
  await atgate.stop()
  expect(response.status).toBe(307)
  expect(response.headers.get('location')).toBe(`${atgate.url}/auth/start?handle=alice.test`)
})
