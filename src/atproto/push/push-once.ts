import type { OAuthClients } from '../client.ts'
import type { AuthorizationRequest, Prompt } from './authorization-request.ts'
import { asPushFailure, UnusableAuthorizationEndpoint } from './push-failed.ts'

/** A request that the server has taken. */
export type Pushed = { authUrl: string; request: AuthorizationRequest }

export type Push = {
  /** A handle, a DID, or the URL of a PDS or entryway. */
  input: string
  scope: string
  prompt: Prompt | null
  /** Is told the server that the request is about to be pushed to; nothing is pushed when it rejects. */
  beforePush(server: { issuer: string; host: string }): Promise<void>
}

/**
 * Pushes an authorization request (RFC 9126) to the account's authorization server.
 * @throws PushFailed, and whatever `beforePush` rejects with
 */
export async function pushOnce(clients: OAuthClients, { input, scope, prompt, beforePush }: Push): Promise<Pushed> {
  let request: AuthorizationRequest | undefined
  const client = clients.withStores({
    stateStore: {
      get: () => undefined,
      // The library stores the state when it knows the server and before it pushes anything.
      set: async (state, saved) => {
        await beforePush({ issuer: saved.iss, host: clients.pushHost(saved.iss) })
        request = { state, saved }
      },
      del: () => undefined,
    },
  })
  try {
    const url = await client.authorize(input, { scope, ...(prompt === null ? {} : { prompt }) })
    if (request === undefined) throw new TypeError('the OAuth client kept no state')
    requireWebPage(url, clients)
    return { authUrl: url.href, request }
  } catch (error) {
    throw asPushFailure(error) ?? error
  }
}

/**
 * A stranger's server names its authorization endpoint (RFC 8414 §2): a browser is sent to a web page, and to nothing
 * else.
 */
function requireWebPage(url: URL, { allowsHttp }: Pick<OAuthClients, 'allowsHttp'>): void {
  const isWeb = url.protocol === 'https:' || (allowsHttp && url.protocol === 'http:')
  if (isWeb && url.username === '' && url.password === '') return
  throw new UnusableAuthorizationEndpoint(`authorization endpoint with ${url.protocol} or with user information`)
}
