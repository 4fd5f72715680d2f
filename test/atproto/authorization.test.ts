import type { NodeOAuthClient } from '@atproto/oauth-client-node'
import { expect, it } from 'vitest'
import { pushAuthorizationRequest } from '../../src/atproto/authorization.ts'
import type { ClientStores, OAuthClients } from '../../src/atproto/client.ts'
import { GatewayError } from '../../src/platform/errors.ts'
import type { Limit } from '../../src/platform/limits.ts'

/** The library as it is when a server names this authorization endpoint. A real server cannot be made to. */
function clientsWith(endpoint: string, allowsHttp: boolean): OAuthClients {
  return {
    allowsHttp,
    pushHost: (issuer) => `push.${new URL(issuer).host}`,
    withStores: ({ stateStore }: Partial<ClientStores>) =>
      ({
        authorize: async () => {
          await stateStore?.set('state', {
            iss: 'https://pds.example.com',
            dpopJwk: { kty: 'EC' },
            verifier: 'verifier',
          } as never)
          return new URL(endpoint)
        },
      }) as unknown as NodeOAuthClient,
  } as OAuthClients
}

const unlimited = { consume: async () => undefined }

const push = (endpoint: string, allowsHttp = false, pushes: Pick<Limit, 'consume'> = unlimited) =>
  pushAuthorizationRequest(
    { clients: clientsWith(endpoint, allowsHttp), pushes },
    { input: 'alice.test', scope: 'atproto', prompt: null },
  )

it.each([
  'javascript:alert(1)',
  'data:text/html,x',
  'com.example.app:/authorize',
  'http://pds.example.com/authorize',
  'https://user@pds.example.com/authorize',
  'https://good.example:secret@evil.example/authorize',
])('sends no browser to %s', async (endpoint) => {
  await expect(push(endpoint)).rejects.toMatchObject({ code: 'PDS_UNAVAILABLE' })
})

it('sends browsers to a web page, on http in the sandbox only', async () => {
  expect((await push('https://pds.example.com/authorize')).authUrl).toBe('https://pds.example.com/authorize')
  expect((await push('http://localhost:2583/authorize', true)).authUrl).toBe('http://localhost:2583/authorize')
})

it('counts for the host that it pushes to, and passes on that there was one too many', async () => {
  const hosts: string[] = []
  const tooMany = new GatewayError('RATE_LIMITED', 'Too many.', { retryAfter: 1 })
  const pushes = {
    async consume(key: string) {
      hosts.push(key)
      throw tooMany
    },
  }
  await expect(push('https://pds.example.com/authorize', false, pushes)).rejects.toBe(tooMany)
  expect(hosts).toEqual(['push.pds.example.com'])
})
