// Writes a post from a script, with a developer token (examples/developer-token.ts gets one):
//
//   ATGATE_TOKEN=atgate_… node examples/xrpc/write-post.ts "Hello from a script" [http://127.0.0.1:4000]
//
// The gateway needs a scope that allows it: OAUTH_SCOPE="atproto repo:app.bsky.feed.post?action=create".
import { Client } from '@atproto/lex'

const [text, gatewayUrl = 'http://127.0.0.1:4000'] = process.argv.slice(2)
const token = process.env.ATGATE_TOKEN
if (text === undefined || token === undefined) {
  process.stderr.write('Usage: ATGATE_TOKEN=… node examples/xrpc/write-post.ts TEXT [GATEWAY_URL]\n')
  process.exit(1)
}

const call = (path: string, init: RequestInit = {}) => {
  const headers = new Headers(init.headers)
  headers.set('authorization', `Bearer ${token}`)
  return fetch(new URL(path, gatewayUrl), { ...init, headers })
}

const session = await call('/xrpc/com.atproto.server.getSession')
const { did, message } = (await session.json()) as { did: `did:plc:${string}`; message?: string }
// The gateway and the PDS say what is wrong in the same form.
if (!session.ok) throw new Error(message)

const client = new Client({ did, fetchHandler: call })
const { body } = await client.createRecord({
  $type: 'app.bsky.feed.post',
  text,
  createdAt: new Date().toISOString(),
})
process.stdout.write(`${body.uri}\n`)
