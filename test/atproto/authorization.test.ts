import type { NodeOAuthClient } from '@atproto/oauth-client-node'
import { expect, it } from 'vitest'
import { pushAuthorizationRequest } from '../../src/atproto/authorization.ts'
import type { ClientStores, OAuthClients } from '../../src/atproto/client.ts'
import { GatewayError } from '../../src/platform/errors.ts'

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

const push = (
  endpoint: string,
  allowsHttp = false,
  beforePush: (host: string) => Promise<void> = async () => undefined,
) =>
  pushAuthorizationRequest(clientsWith(endpoint, allowsHttp), {
    input: 'alice.test',
    scope: 'atproto',
    prompt: null,
    beforePush,
  })

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

it('tells the host before it pushes, and passes a refusal on', async () => {
  const hosts: string[] = []
  const tooMany = new GatewayError('RATE_LIMITED', 'Too many.', { retryAfter: 1 })
  const refuse = async (host: string) => {
    hosts.push(host)
    throw tooMany
  }
  await expect(push('https://pds.example.com/authorize', false, refuse)).rejects.toBe(tooMany)
  expect(hosts).toEqual(['push.pds.example.com'])
})
