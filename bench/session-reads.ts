import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import autocannon from 'autocannon'
import { createSealer } from '../src/store/sealing/sealer.ts'
import { openDatabase } from '../src/store/sql/database.ts'
import { createFreshDatabase } from '../test/support/fresh-database.ts'
import { findServices, REDIS_URL } from '../test/support/services.ts'
import { writeManyClients } from './many-clients.ts'

// What a look at a session costs: `currentUser` and `/auth/verify`, warm (one session again and again) and cold (each
// session once in many seconds, so that no read is trusted any more), beside servers that only answer. Each server has
// a process of its own, and all are measured in turn, so that other load on the machine affects all of them. Processor
// time a request is what counts: rates depend on what else the machine has to do. `BENCH_OTHER` is another checkout,
// whose gateway is measured beside this one.
const QUERY = 'query { currentUser { did handle pdsUrl grantedScopes session { kind } } }'
const ROUNDS = 4
const SECONDS = 4
const CONNECTIONS = 32
/** More than are asked for in a second. */
const CLIENTS = 50_000

type Server = { process: ChildProcess; url: string }
type Measured = { cpu: number[]; rate: number[] }

async function startServer(file: URL, env: Record<string, string>): Promise<Server> {
  const child = fork(file, {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { process: child, url: `http://127.0.0.1:${port}` }
}

/** User and system time of a process so far, in microseconds. Linux counts in hundredths of a second. */
function cpuOf({ process: { pid } }: Server): number {
  const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const fields = rest.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

type Asking = { path: string; method: 'GET' | 'POST'; cookie?: () => string }

async function measure(server: Server, { path, method, cookie }: Asking, seconds = SECONDS) {
  const before = cpuOf(server)
  const result = await autocannon({
    url: server.url + path,
    connections: CONNECTIONS,
    duration: seconds,
    requests: [
      {
        method,
        path,
        headers: { 'content-type': 'application/json' },
        ...(method === 'POST' && { body: JSON.stringify({ query: QUERY }) }),
        setupRequest: (request) =>
          cookie === undefined ? request : { ...request, headers: { ...request.headers, cookie: cookie() } },
      },
    ],
  })
  if (result.errors > 0 || result.non2xx > 0) throw new Error(`${path}: not every request was answered`)
  return { cpu: (cpuOf(server) - before) / result['2xx'], rate: result['2xx'] / result.duration }
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const print = (line: string) => void process.stdout.write(`${line}\n`)

const services = await findServices()
if (!services.postgres || !services.redis) {
  process.stderr.write('The benchmark needs PostgreSQL (TEST_DATABASE_URL) and Redis (TEST_REDIS_URL).\n')
  process.exit(1)
}
const fresh = await createFreshDatabase()
const database = await openDatabase({ kind: 'postgresql', url: fresh.url })
const secret = randomBytes(32)
const sealed = await createSealer([{ id: 'bench', secret }]).seal({}, 'bench')
const tokens = await writeManyClients(database.prisma, { count: CLIENTS, sealed })
await database.close()

const environment = {
  DATABASE_URL: fresh.url,
  REDIS_URL,
  ENCRYPTION_KEYS: `bench:${secret.toString('base64url')}`,
  // The benchmark fills the process.
  MAX_EVENT_LOOP_DELAY: 'off',
}
const warm = () => `atgate=${tokens[0]}`
let next = 0
const cold = () => `atgate=${tokens[next++ % tokens.length]}`
const gateway = await startServer(new URL('./gateway-server.ts', import.meta.url), environment)
const asked = await fetch(`${gateway.url}/graphql`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', cookie: warm() },
  body: JSON.stringify({ query: QUERY }),
})
const { data } = (await asked.json()) as { data: { currentUser: unknown } }
const bareYoga = await startServer(new URL('./bare-server.ts', import.meta.url), {
  BENCH_ANSWER: JSON.stringify(data.currentUser),
})
const bareHttp = await startServer(new URL('./bare-http-server.ts', import.meta.url), {})

const graphql = { path: '/graphql', method: 'POST' } as const
const verify = { path: '/auth/verify', method: 'GET' } as const
const rows: Record<string, { server: Server; asking: Asking; beside?: string }> = {
  'bare graphql-yoga + Pothos': { server: bareYoga, asking: graphql },
  'currentUser, warm': { server: gateway, asking: { ...graphql, cookie: warm }, beside: 'bare graphql-yoga + Pothos' },
  'currentUser, cold': { server: gateway, asking: { ...graphql, cookie: cold }, beside: 'currentUser, warm' },
  'bare node:http': { server: bareHttp, asking: verify },
  '/auth/verify, warm': { server: gateway, asking: { ...verify, cookie: warm }, beside: 'bare node:http' },
  '/auth/verify, cold': { server: gateway, asking: { ...verify, cookie: cold }, beside: '/auth/verify, warm' },
}
const other = process.env.BENCH_OTHER
const servers = [gateway, bareYoga, bareHttp]
if (other !== undefined) {
  const before = await startServer(new URL(`${other}/bench/gateway-server.ts`, 'file:'), environment)
  servers.push(before)
  for (const name of ['currentUser, warm', 'currentUser, cold', '/auth/verify, warm', '/auth/verify, cold']) {
    const row = rows[name]
    if (row !== undefined) rows[`${name}, other checkout`] = { ...row, server: before, beside: name }
  }
}
try {
  const measured = new Map<string, Measured>(Object.keys(rows).map((name) => [name, { cpu: [], rate: [] }]))
  for (const { server, asking } of Object.values(rows)) await measure(server, asking, 2)
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [name, { server, asking }] of Object.entries(rows)) {
      const { cpu, rate } = await measure(server, asking)
      measured.get(name)?.cpu.push(cpu)
      measured.get(name)?.rate.push(rate)
    }
  }
  print(`${''.padEnd(36)} CPU µs/request   requests/s   rate beside`)
  for (const [name, { beside }] of Object.entries(rows)) {
    const { cpu, rate } = measured.get(name) ?? { cpu: [], rate: [] }
    const others = measured.get(beside ?? '')?.rate
    const ratio = others && `${median(rate.map((each, round) => each / (others[round] ?? 1))).toFixed(2)} of ${beside}`
    print(
      `${name.padEnd(36)} ${median(cpu).toFixed(0).padStart(14)} ${median(rate).toFixed(0).padStart(12)}   ${ratio ?? ''}`,
    )
  }
  print(
    `\n(${CONNECTIONS} connections, medians of ${ROUNDS} rounds of ${SECONDS} s each in turn, ${CLIENTS} sessions,` +
      ` PostgreSQL and Redis, ${availableParallelism()} cores for all)`,
  )
} finally {
  for (const server of servers) server.process.kill('SIGTERM')
  await Promise.all(servers.map(({ process: child }) => child.exitCode ?? once(child, 'exit')))
  await fresh.drop()
}
