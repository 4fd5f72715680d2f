import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { request } from 'undici'

/** A service with a login by the gateway, and the proxy in front of it, as one server. */
export type ServiceBehind = {
  origin: string
  /** Says where the gateway is. */
  ask(gatewayUrl: string): void
  /** How many requests the service itself has got. */
  reached(): number
  close(): Promise<void>
}

/**
 * Opens a service that shows each visitor their handle. Its proxy asks the gateway about each request, as the recipes
 * do: without what the client says in `X-Auth-*`, with the request in `X-Forwarded-*`, and passes refusals on.
 */
export async function openServiceBehind(query = '?redirect=1'): Promise<ServiceBehind> {
  let gatewayUrl = ''
  let reached = 0
  const server = createServer(async ({ headers, url = '/', method = 'GET', socket }, response) => {
    const passed = Object.entries(headers).filter(([name]) => !/^(x-(auth|forwarded)-|content-|connection$)/.test(name))
    const answer = await request(`${gatewayUrl}/auth/verify${query}`, {
      headers: {
        ...Object.fromEntries(passed),
        'x-forwarded-for': socket.remoteAddress,
        'x-forwarded-proto': 'http',
        'x-forwarded-host': headers.host,
        'x-forwarded-method': method,
        'x-forwarded-uri': url,
      },
    })
    if (answer.statusCode === 200) {
      await answer.body.dump()
      reached++
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end(`<!doctype html><h1>Notes of ${answer.headers['x-auth-handle']}</h1>`)
    } else {
      const { location } = answer.headers
      if (location !== undefined) response.setHeader('location', location)
      response.writeHead(answer.statusCode, { 'content-type': 'application/json' })
      response.end(await answer.body.text())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ask: (url) => {
      gatewayUrl = url
    },
    reached: () => reached,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
