import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Secp256k1Keypair } from '@atproto/crypto'
import { Client as PlcClient } from '@did-plc/lib'

/** An answer to a push instead of the usual one. */
export type PushRefusal = { status: number; error: string; headers?: Record<string, string> }

/**
 * A PDS with an authorization server of its own and one account: for what the real one cannot be made to do. It asks
 * nobody: everybody who opens its page is signed in.
 */
export type AuthorizationServer = {
  url: string
  /** The account that it has, by its DID document in the directory. */
  did: string
  /** The scopes of each push, in order. */
  pushes: string[][]
  /** What it answers to a push; null takes it. */
  onPush: (scopes: string[]) => PushRefusal | null
  /** Which of the pushed scopes it grants. */
  grants: (scope: string) => boolean
  /** Whether it still has the account. */
  hasAccount: boolean
  /** What it says of itself in another way. */
  metadata: Record<string, unknown>
  close(): Promise<void>
}

export async function startAuthorizationServer(plcUrl: string): Promise<AuthorizationServer> {
  const requests = new Map<string, URLSearchParams>()
  const http = createServer((request, response) => void respond(request, response))
  http.listen(0, 'localhost')
  await once(http, 'listening')
  const url = `http://localhost:${(http.address() as AddressInfo).port}`
  const server: AuthorizationServer = {
    url,
    did: await createIdentity(plcUrl, url),
    pushes: [],
    onPush: () => null,
    grants: () => true,
    hasAccount: true,
    metadata: {},
    async close() {
      http.closeAllConnections()
      http.close()
    },
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const body = new URLSearchParams(await text(request))
    const send = (status: number, json: object, headers: Record<string, string> = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(json))
    switch (pathname) {
      case '/.well-known/oauth-protected-resource':
        return void send(200, { resource: url, authorization_servers: [url] })
      case '/.well-known/oauth-authorization-server':
        return void send(200, { ...metadataOf(url), ...server.metadata })
      case '/oauth/par':
        return void push(body, send)
      case '/oauth/authorize':
        return void authorize(requests.get(searchParams.get('request_uri') ?? ''), response)
      case '/oauth/token':
        return void send(200, tokensFor(requests.get(body.get('code') ?? '')))
      case '/oauth/revoke':
        return void send(200, {})
      case '/xrpc/com.atproto.sync.getRepoStatus':
        return void (server.hasAccount ? send(200, { active: true }) : send(400, { error: 'RepoNotFound' }))
      default:
        return void send(404, { error: 'NotFound' })
    }
  }

  function push(body: URLSearchParams, send: (status: number, json: object, headers?: Record<string, string>) => void) {
    const scopes = body.get('scope')?.split(' ') ?? []
    server.pushes.push(scopes)
    const refusal = server.onPush(scopes)
    if (refusal !== null) {
      return send(refusal.status, { error: refusal.error, error_description: 'said by the server' }, refusal.headers)
    }
    const request_uri = `urn:ietf:params:oauth:request_uri:${randomUUID()}`
    requests.set(request_uri, body)
    send(201, { request_uri, expires_in: 60 })
  }

  function authorize(request: URLSearchParams | undefined, response: ServerResponse): void {
    const code = randomUUID()
    if (request !== undefined) requests.set(code, request)
    const callback = new URL(request?.get('redirect_uri') ?? url)
    callback.search = String(new URLSearchParams({ code, state: request?.get('state') ?? '', iss: url }))
    response.writeHead(303, { location: callback.href }).end()
  }

  function tokensFor(request: URLSearchParams | undefined) {
    const scopes = request?.get('scope')?.split(' ') ?? []
    const tokens = { access_token: randomUUID(), refresh_token: randomUUID(), token_type: 'DPoP', expires_in: 3600 }
    return { ...tokens, sub: server.did, scope: scopes.filter((scope) => server.grants(scope)).join(' ') }
  }

  return server
}

function metadataOf(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    pushed_authorization_request_endpoint: `${issuer}/oauth/par`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    require_pushed_authorization_requests: true,
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ['ES256'],
    dpop_signing_alg_values_supported: ['ES256'],
    scopes_supported: ['atproto'],
  }
}

async function createIdentity(plcUrl: string, pds: string): Promise<string> {
  const key = await Secp256k1Keypair.create()
  const keys = { signingKey: key.did(), rotationKeys: [key.did()] }
  return new PlcClient(plcUrl).createDid({ ...keys, handle: `${randomUUID()}.test`, pds, signer: key })
}

/** Opens the server's page, which redirects back at once. Gives the callback URL. */
export async function passThrough(authUrl: string): Promise<string> {
  const response = await fetch(authUrl, { redirect: 'manual' })
  const location = response.headers.get('location')
  if (location === null) throw new Error(`the authorization server answered ${response.status}`)
  return location
}
