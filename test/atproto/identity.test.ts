import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createIdentities } from '../../src/atproto/identity.ts'
import { loadConfig } from '../../src/config/config.ts'

const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'

describe("an operator's own directory and handle resolver, on http and at a private address", () => {
  let server: Server
  let url: string

  beforeAll(async () => {
    server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://x')
      response.setHeader('content-type', 'application/json')
      const document = {
        '@context': ['https://www.w3.org/ns/did/v1'],
        id: DID,
        alsoKnownAs: ['at://alice.example.com'],
        service: [
          { id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: 'https://pds.example.com' },
        ],
      }
      if (pathname === `/${encodeURIComponent(DID)}`) response.end(JSON.stringify(document))
      else if (pathname.startsWith('/xrpc/')) response.end(JSON.stringify({ did: DID }))
      else response.writeHead(404).end('{}')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => void server.close())

  const identities = () => createIdentities(loadConfig({ PLC_DIRECTORY_URL: url, HANDLE_RESOLVER_URL: url }))

  it('are trusted, without ALLOW_INSECURE_PDS', async () => {
    const identity = { did: DID, handle: 'alice.example.com', pdsUrl: 'https://pds.example.com' }
    expect(await identities().find('alice.example.com')).toEqual({ input: 'alice.example.com', did: DID })
    expect(await identities().lookUp(DID)).toEqual(identity)
  })

  it('may be away, which is no mistake of ours', async () => {
    const away = createIdentities(loadConfig({ PLC_DIRECTORY_URL: 'http://127.0.0.1:9', HANDLE_RESOLVER_URL: url }))
    await expect(away.lookUp(DID)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
  })

  it('make no other private address trusted', async () => {
    const { port } = server.address() as AddressInfo
    const asked = once(server, 'request').then(() => 'asked')
    await expect(identities().find(`did:web:localhost%3A${port}`)).rejects.toMatchObject({ name: 'GatewayError' })
    await expect(identities().find('did:web:127.0.0.1')).rejects.toThrow()
    expect(await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 50, 'not asked'))])).toBe(
      'not asked',
    )
  })
})
