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
// must have its event before it ends, and take at most 20 KB. RSS also has what V8 keeps of the memory that opening so many at once took.
const CLIENTS = 250
const STREAMS_EACH = 20
const STREAMS = CLIENTS * STREAMS_EACH
const AT_ONCE = 20
const MAX_KILOBYTES = 20

type Memory = { rss: number; used: number }
type Client = { token: string; streams: RawConnection[] }

const print = (line: string) => void process.stdout.write(`${line}\n`)
const secondsSince = (start: number) => ((performance.now() - start) / 1000).toFixed(1)

/** Ends with 1 unless this holds: the benchmark is the test of it. */
function require(condition: boolean, what: string): void {
  if (condition) return
  process.stderr.write(`Not so: ${what}.\n`)
  process.exitCode = 1
}

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

/** Does something of which every stream of some clients must be told before it ends. */
async function tell(what: string, of: Client[], text: string, act: () => Promise<void>): Promise<void> {
  const startedAt = performance.now()
  const streams = of.flatMap((client) => client.streams)
  const late = sleep(15_000, false, { ref: false })
  const told = streams.map((stream) =>
    Promise.race([
      late,
      stream.receives(text).then(
        () => true,
        () => false,
      ),
    ]),
  )
  await act()
  const count = (await Promise.all(told)).filter(Boolean).length
  print(`told when ${what}: ${count} of ${streams.length} streams, within ${secondsSince(startedAt)} s`)
  require(count === streams.length, 'every stream is told')
}

/** Does something for each, for a number of them at once. */
async function forEach<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await act(item)
    }),
  )
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

  const openedAt = performance.now()
  await forEach(
    clients.flatMap((client) => Array.from({ length: STREAMS_EACH }, () => client)),
    async (client) => {
      client.streams.push(await openStream(url, client.token))
    },
  )
  print(`${STREAMS} streams of ${CLIENTS} clients, opened in ${secondsSince(openedAt)} s`)
  for (const [when, ms] of [
    ['now', 0],
    ['after two comments', 26_000],
  ] as const) {
    await sleep(ms)
    const { used, rss } = await memoryOf(gateway)
    const [heap, all] = [(used - before.used) / STREAMS / 1024, (rss - before.rss) / STREAMS / 1024]
    print(`each takes ${heap.toFixed(1)} KB of heap and buffers ${when}, ${all.toFixed(1)} KB of RSS`)
    require(heap <= MAX_KILOBYTES, `a stream takes at most ${MAX_KILOBYTES} KB`)
  }

  const [first, ...others] = clients as [Client, ...Client[]]
  const [leaving, staying] = [others.slice(0, CLIENTS / 2), others.slice(CLIENTS / 2)]
  await tell('a client signs out', [first], 'SIGNED_OUT', () => signOut(url, first))
  await tell(`${leaving.length} clients sign out`, leaving, 'SIGNED_OUT', () =>
    forEach(leaving, (client) => signOut(url, client)),
  )
  await tell('the gateway closes', staying, 'event: complete', async () => void gateway.kill('SIGTERM'))
} finally {
  for (const stream of clients.flatMap((client) => client.streams)) stream.destroy()
  if (!gateway.killed) gateway.kill('SIGTERM')
  if (gateway.exitCode === null) await once(gateway, 'exit')
  await database.close()
  await fresh.drop()
}
