import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a request brought to the service. */
export type Echo = { method: string; url: string; headers: IncomingHttpHeaders; rawHeaders: string[] }

/** A service behind a proxy that answers each request with what it received. */
export type EchoService = {
  port: number
  /** How many requests it received. */
  count(): number
  close(): Promise<void>
}

export async function startEchoService(): Promise<EchoService> {
  let count = 0
  const server = createServer(({ method = '', url = '', headers, rawHeaders }, response) => {
    count++
    const echo: Echo = { method, url, headers, rawHeaders }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(echo))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    count: () => count,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
