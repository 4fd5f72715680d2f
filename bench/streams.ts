import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase } from '../src/store/sql/database.ts'
import { createFreshDatabase } from '../test/support/fresh-database.ts'
import { openConnection, type RawConnection } from '../test/support/raw-connection.ts'
import { findServices, REDIS_URL } from '../test/support/services.ts'
import { writeSignedInSession } from './signed-in-session.ts'

// What event streams cost: 250 clients open 20 each. The memory of the gateway's process is read before and after, and
// again after a while. Then one client signs out, half of the others do, and the gateway is told to end: every stream
// must have its event before it ends. RSS also has what V8 keeps of the memory that opening so many at once took.
const CLIENTS = 250
const STREAMS_EACH = 20
const STREAMS = CLIENTS * STREAMS_EACH
const OPENED_AT_ONCE = 50
const SIGNING_OUT_AT_ONCE = 20

type Memory = { rss: number; used: number }
type Client = { token: string; streams: RawConnection[] }

const print = (line: string) => void process.stdout.write(`${line}\n`)
const secondsSince = (start: number) => ((performance.now() - start) / 1000).toFixed(1)
const kilobytesEach = (before: number, after: number) => ((after - before) / 1024 / STREAMS).toFixed(1)

async function memoryOf(gateway: ChildProcess): Promise<Memory> {
  const answer = once(gateway, 'message')
  gateway.send('memory')
  return ((await answer) as [Memory])[0]
}

function postOf(token: string, query: string, accept: string): string {
  const body = JSON.stringify({ query })
  const headers = [
    'POST /graphql HTTP/1.1',
    'host: 127.0.0.1',
    'content-type: application/json',
    `accept: ${accept}`,
    `cookie: atgate=${token}`,
    'sec-fetch-site: same-origin',
    `content-length: ${body.length}`,
  ]
  return `${headers.join('\r\n')}\r\n\r\n${body}`
}

async function openStream(url: string, token: string): Promise<RawConnection> {
  const stream = await openConnection(url)
  stream.send(postOf(token, 'subscription { sessionChanged { kind } }', 'text/event-stream'))
  // The first comment.
  const head = await stream.receives(':\n\n')
  if (!head.startsWith('HTTP/1.1 200')) throw new Error(`no stream: ${head}`)
  return stream
}

async function signOut(url: string, { token }: Client): Promise<void> {
  const connection = await openConnection(url)
  connection.send(postOf(token, 'mutation { logoutAll { __typename } }', 'application/json'))
  const answer = await connection.receives('"data"')
  connection.destroy()
  if (answer.includes('"errors"')) throw new Error(answer)
}

/** How many of the streams received `text` before they ended, once all have, or within 15 seconds. */
async function told(streams: RawConnection[], text: string): Promise<number> {
  const received = streams.map((stream) =>
    stream.receives(text).then(
      () => true,
      () => false,
    ),
  )
  const late = sleep(15_000, false, { ref: false })
  const results = await Promise.all(received.map((each) => Promise.race([each, late])))
  return results.filter(Boolean).length
}

const services = await findServices()
if (!services.postgres || !services.redis) {
  process.stderr.write('The benchmark needs PostgreSQL (TEST_DATABASE_URL) and Redis (TEST_REDIS_URL).\n')
  process.exit(1)
}
const fresh = await createFreshDatabase()
const database = await openDatabase({ kind: 'postgresql', url: fresh.url })
const clients: Client[] = []
for (let index = 0; index < CLIENTS; index++) {
  clients.push({ token: await writeSignedInSession(database.prisma), streams: [] })
}

const gateway = fork(new URL('./gateway-server.ts', import.meta.url), {
  env: {
    PATH: process.env.PATH,
    NODE_ENV: 'production',
    DATABASE_URL: fresh.url,
    REDIS_URL,
    ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64url')}`,
    MAX_EVENT_LOOP_DELAY: 'off',
  },
  execArgv: [...process.execArgv, '--expose-gc'],
  // The gateway writes its log as in production, but to /dev/null.
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
})
const [{ port }] = (await once(gateway, 'message')) as [{ port: number }]
const url = `http://127.0.0.1:${port}`
try {
  // What the first streams load stays.
  for (const { token } of clients.slice(0, 20)) (await openStream(url, token)).destroy()
  await sleep(1000)
  const before = await memoryOf(gateway)

  const startedAt = performance.now()
  const waiting = Array.from({ length: STREAMS }, (_, index) => clients[index % CLIENTS] as Client)
  await Promise.all(
    Array.from({ length: OPENED_AT_ONCE }, async () => {
      for (let client = waiting.pop(); client !== undefined; client = waiting.pop()) {
        client.streams.push(await openStream(url, client.token))
      }
    }),
  )
  print(`${STREAMS} streams of ${CLIENTS} clients, opened in ${secondsSince(startedAt)} s`)
  const opened = await memoryOf(gateway)
  print(
    `each takes ${kilobytesEach(before.used, opened.used)} KB of heap and buffers, ${kilobytesEach(before.rss, opened.rss)} KB of RSS`,
  )
  await sleep(26_000)
  const later = await memoryOf(gateway)
  print(
    `after two comments ${kilobytesEach(before.used, later.used)} KB and ${kilobytesEach(before.rss, later.rss)} KB`,
  )

  const [first, ...others] = clients as [Client, ...Client[]]
  const signedOut = told(first.streams, 'SIGNED_OUT')
  await signOut(url, first)
  print(`told of signing out: ${await signedOut} of ${first.streams.length} streams`)

  const [leaving, staying] = [others.slice(0, CLIENTS / 2), others.slice(CLIENTS / 2)]
  const streams = leaving.flatMap((client) => client.streams)
  const all = told(streams, 'SIGNED_OUT')
  const outAt = performance.now()
  const signingOut = [...leaving]
  await Promise.all(
    Array.from({ length: SIGNING_OUT_AT_ONCE }, async () => {
      for (let client = signingOut.pop(); client !== undefined; client = signingOut.pop()) await signOut(url, client)
    }),
  )
  print(
    `told when ${leaving.length} clients sign out: ${await all} of ${streams.length}, within ${secondsSince(outAt)} s`,
  )

  const rest = staying.flatMap((client) => client.streams)
  const completed = told(rest, 'event: complete')
  const endedAt = performance.now()
  gateway.kill('SIGTERM')
  print(`ended when the gateway closes: ${await completed} of ${rest.length}, within ${secondsSince(endedAt)} s`)
} finally {
  for (const stream of clients.flatMap((client) => client.streams)) stream.destroy()
  gateway.kill('SIGTERM')
  if (gateway.exitCode === null) await once(gateway, 'exit')
  await database.close()
  await fresh.drop()
}
