import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { sealGrant } from '../../src/atproto/grants/sealed-grant.ts'
import type { Gateway } from '../../src/gateway.ts'
import { newId } from '../../src/platform/random.ts'
import { aSession, type BuiltSession, type SessionOptions } from './builders.ts'
import { aHeldGrant } from './pds-calls.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A server that a test plays the part of: the PDS of one account, whose did:web document it serves too. */
export type FakePds = {
  origin: string
  did: string
  /** What it was asked so far, the DID document apart. */
  requests: IncomingMessage[]
  connections: Set<Socket>
  /** Decides what it answers from now on. */
  answer(handler: Handler): void
  close(): Promise<void>
}

/** Answers every request with `{}`, until it is told otherwise. */
export const okay: Handler = (_request, response) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}')

export async function startFakePds(): Promise<FakePds> {
  let handler = okay
  const requests: IncomingMessage[] = []
  const connections = new Set<Socket>()
  const server = createServer((request, response) => {
    if (request.url === '/.well-known/did.json') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(documentOf(server)))
      return
    }
    requests.push(request)
    handler(request, response)
  })
  server.on('connection', (socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
  })
  server.listen(0)
  await once(server, 'listening')
  return {
    origin: originOf(server),
    did: didOf(server),
    requests,
    connections,
    answer(next) {
      handler = next
    },
    async close() {
      server.close()
      server.closeAllConnections()
      for (const socket of connections) socket.destroy()
    },
  }
}

const portOf = (server: Server) => (server.address() as AddressInfo).port
const originOf = (server: Server) => `http://localhost:${portOf(server)}`
const didOf = (server: Server) => `did:web:localhost%3A${portOf(server)}`

function documentOf(server: Server) {
  return {
    '@context': ['https://www.w3.org/ns/did/v1'],
    id: didOf(server),
    alsoKnownAs: ['at://fake.test'],
    service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: originOf(server) }],
  }
}

/** Writes a session of the fake server's account, with a grant that opens. */
export async function signInAt(
  { stores }: Pick<Gateway, 'stores'>,
  { origin, did }: Pick<FakePds, 'origin' | 'did'>,
  { tokenSet = {}, ...options }: SessionOptions & { tokenSet?: Parameters<typeof aHeldGrant>[0] } = {},
): Promise<BuiltSession> {
  const tokens = { sub: did as `did:web:${string}`, aud: origin, iss: origin, ...tokenSet }
  const held = { ...(await aHeldGrant(tokens)), id: newId() }
  const sealed = await sealGrant(stores.sealer, held)
  const grant = { id: held.id, sealed, issuer: origin, ...options.grant }
  return aSession({ db: stores.db }, { handle: did.slice('did:web:'.length), isActive: true, ...options, grant })
}
