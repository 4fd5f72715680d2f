// Creates a developer token from a terminal, and uses it. Run it beside a sandbox (npm run sandbox):
//
//   node examples/developer-token.ts alice.test [http://127.0.0.1:4000]
//
// It has no cookies. So it binds each flow to itself by a challenge, and listens on a loopback address to which the
// flow returns (RFC 8252 §7.3). There it receives an exchange token, and trades it for a session token with the
// verifier that only it knows.
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const [handle, gatewayUrl = 'http://127.0.0.1:4000'] = process.argv.slice(2)
if (handle === undefined) {
  process.stderr.write('Usage: node examples/developer-token.ts HANDLE [GATEWAY_URL]\n')
  process.exit(1)
}

const sessionToken = await signIn(handle)
const developerToken = await createDeveloperToken(sessionToken)
// The developer token does not need the session any longer.
await graphql('mutation { logout { switchedTo { did } } }', {}, sessionToken)
process.stdout.write(`Your developer token, which is not shown again:\n${developerToken}\n`)

const me = await graphql<{ currentUser: { handle: string; did: string } }>(
  '{ currentUser { handle did } }',
  {},
  developerToken,
)
process.stdout.write(`It acts as ${me.currentUser.handle} (${me.currentUser.did}).\n`)

/** Signs in, and returns the token of a session of this program. */
async function signIn(account: string): Promise<string> {
  return runFlow(async ({ challenge, returnTo }) => {
    const query = new URLSearchParams({ handle: account, exchange_challenge: challenge, return_to: returnTo })
    const response = await fetch(`${gatewayUrl}/auth/start?${query}`, { headers: { accept: 'application/json' } })
    const answer = (await response.json()) as { authUrl: string; message?: string }
    if (!response.ok) throw new Error(answer.message)
    return answer.authUrl
  })
}

/** Creates a developer token. The account's own server asks for an authorization of its own. */
async function createDeveloperToken(token: string): Promise<string> {
  return runFlow(async ({ challenge, returnTo }) => {
    const input = { name: 'example', exchangeChallenge: challenge, returnTo }
    const started = await graphql<{ startDeveloperToken: { authUrl: string } }>(
      'mutation ($input: StartDeveloperTokenInput!) { startDeveloperToken(input: $input) { authUrl } }',
      { input },
      token,
    )
    return started.startDeveloperToken.authUrl
  })
}

type Binding = { challenge: string; returnTo: string }

/**
 * Starts a flow, sends the user's browser through it, and trades the exchange token that returns for a session token.
 */
async function runFlow(start: (binding: Binding) => Promise<string>): Promise<string> {
  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const returnTo = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  try {
    openBrowser(await start({ challenge, returnTo }))
    const exchangeToken = await nextExchangeToken(server, returnTo)
    const exchanged = await graphql<{ exchangeToken: { sessionToken: string } }>(
      'mutation ($input: ExchangeTokenInput!) { exchangeToken(input: $input) { sessionToken } }',
      { input: { exchangeToken, verifier } },
    )
    return exchanged.exchangeToken.sessionToken
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

/** Waits for the browser to return. Responds 404 to other requests, such as one for an icon. */
async function nextExchangeToken(server: ReturnType<typeof createServer>, returnTo: string): Promise<string> {
  for (;;) {
    const [request, response] = await once(server, 'request')
    const { searchParams } = new URL(request.url, returnTo)
    const [token, error] = [searchParams.get('exchange_token'), searchParams.get('auth_error')]
    response.writeHead((token ?? error) ? 200 : 404, { 'content-type': 'text/plain', connection: 'close' })
    response.end(token === null ? 'Nothing has changed.\n' : 'Done. You can close this tab.\n')
    if (error !== null) throw new Error(`The flow was refused: ${error}`)
    if (token !== null) return token
  }
}

async function graphql<T>(query: string, variables: object, token?: string): Promise<T> {
  const response = await fetch(`${gatewayUrl}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = (await response.json()) as { data: T; errors?: { message: string }[] }
  if (errors !== undefined) throw new Error(errors[0]?.message)
  return data
}

/** Opens the user's browser if there is one, and prints the URL in any case. */
function openBrowser(url: string): void {
  process.stdout.write(`Open this URL in your browser, if it does not open by itself:\n${url}\n`)
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open'
  spawn(opener, [url], { stdio: 'ignore', detached: true })
    .on('error', () => undefined)
    .unref()
}
