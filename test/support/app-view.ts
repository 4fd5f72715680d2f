import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A service that is reached through the PDS (`atproto-proxy`): its DID document names it `#view`. */
export type AppView = {
  did: string
  /** What it was asked so far, the DID document apart. */
  requests: IncomingMessage[]
  /** The claims of the service token that came with a request. */
  claimsOf(request: IncomingMessage | undefined): Record<string, unknown>
  answer(handler: (request: IncomingMessage, response: ServerResponse) => void): void
  close(): void
}

export async function startAppView(): Promise<AppView> {
  let handler: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    if (request.url === '/.well-known/did.json') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document))
      return
    }
    requests.push(request)
    handler(request, response)
  }).listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const did = `did:web:localhost%3A${port}`
  const document = {
    '@context': ['https://www.w3.org/ns/did/v1'],
    id: did,
    service: [{ id: '#view', type: 'ExampleView', serviceEndpoint: `http://localhost:${port}` }],
  }
  return {
    did,
    requests,
    claimsOf(request) {
      const payload = request?.headers.authorization?.split('.')[1] ?? ''
      return JSON.parse(Buffer.from(payload, 'base64url').toString())
    },
    answer(next) {
      handler = next
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
