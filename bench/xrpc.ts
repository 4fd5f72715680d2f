import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request } from 'undici'
import { openGrant } from '../src/atproto/grants/sealed-grant.ts'
import { createPdsCalls } from '../src/atproto/pds/pds-calls.ts'
import { createUpstreams } from '../src/atproto/pds/upstreams.ts'
import { createSealer } from '../src/store/sealing/sealer.ts'
import { openDatabase } from '../src/store/sql/database.ts'
import { freePort } from '../test/support/free-port.ts'
import { createFreshDatabase } from '../test/support/fresh-database.ts'
import { createHttpBrowser } from '../test/support/http-browser.ts'
import { reserveNetwork } from '../test/support/network.ts'
import { findServices, REDIS_URL } from '../test/support/services.ts'
import { signIn } from '../test/support/sign-in.ts'

// What a call costs more through the gateway than straight to the PDS, with the same grant: both kinds in turn in one
// run, one call after another. PDS and gateway have processes of their own.
const WARM_UP = 200
/** The slowest hundredth is 60 calls. Of fewer, a collection of garbage in the PDS moves it by milliseconds. */
const CALLS = 6000
const PATH = '/xrpc/com.atproto.server.getSession'

const print = (line: string) => void process.stdout.write(`${line}\n`)
const at = (values: number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN

const services = await findServices()
if (!services.postgres || !services.redis) {
  process.stderr.write('The benchmark needs PostgreSQL (TEST_DATABASE_URL) and Redis (TEST_REDIS_URL).\n')
  process.exit(1)
}
const network = await reserveNetwork()
await network.start()
const fresh = await createFreshDatabase()
const secret = randomBytes(32)
const port = await freePort()
const gateway = fork(new URL('./gateway-server.ts', import.meta.url), {
  env: {
    PATH: process.env.PATH,
    NODE_ENV: 'production',
    PORT: String(port),
    DATABASE_URL: fresh.url,
    REDIS_URL,
    ENCRYPTION_KEYS: `bench:${secret.toString('base64url')}`,
    ALLOW_INSECURE_PDS: 'on',
    PLC_DIRECTORY_URL: network.plcUrl,
    HANDLE_RESOLVER_URL: network.pdsUrl,
  },
  // The gateway writes its log as in production, but to /dev/null.
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
})
const upstreams = createUpstreams({ allowInsecure: true })

async function cpuMs(): Promise<number> {
  gateway.send('cpu')
  const [answer] = (await once(gateway, 'message')) as [{ cpuMs: number }]
  return answer.cpuMs
}
try {
  await once(gateway, 'message')
  const url = `http://127.0.0.1:${port}`
  const browser = createHttpBrowser(url)
  const { account } = await signIn(browser, 'alice.test')
  const cookie = await browser.jar.getCookieString(url)

  const database = await openDatabase({ kind: 'postgresql', url: fresh.url })
  const row = await database.prisma.grant.findFirstOrThrow()
  const held = { ...row, grant: await openGrant(createSealer([{ id: 'bench', secret }]), row) }
  await database.close()
  const pds = createPdsCalls({ upstreams })
  const dispatcher = new Agent({ connections: 1 })

  const direct = async () => {
    const response = await pds.send(
      { held, replaceRefused: async () => null },
      {
        origin: network.pdsUrl,
        method: 'GET',
        path: PATH,
        headers: {},
        body: { kind: 'kept', bytes: null },
        signal: AbortSignal.timeout(30_000),
      },
    )
    if (response.statusCode !== 200) throw new Error(`the PDS answered ${response.statusCode}`)
    await response.body.text()
  }
  const through = async () => {
    const headers = { cookie, 'atgate-account': account.did }
    const response = await request(url + PATH, { headers, dispatcher })
    if (response.statusCode !== 200) throw new Error(`the gateway answered ${response.statusCode}`)
    await response.body.text()
  }
  const took = async (call: () => Promise<void>) => {
    const startedAt = performance.now()
    await call()
    return performance.now() - startedAt
  }

  for (let turn = 0; turn < WARM_UP; turn++) {
    await direct()
    await through()
  }
  const cpuBefore = await cpuMs()
  const times = { direct: [] as number[], through: [] as number[] }
  for (let turn = 0; turn < CALLS; turn++) {
    times.direct.push(await took(direct))
    times.through.push(await took(through))
  }
  for (const [name, values] of Object.entries(times)) {
    print(`${name.padEnd(8)} median ${at(values, 0.5).toFixed(2)} ms, p99 ${at(values, 0.99).toFixed(2)} ms`)
  }
  const added = times.through.map((ms, turn) => ms - (times.direct[turn] ?? Number.NaN))
  print(`added    median ${at(added, 0.5).toFixed(2)} ms (of each pair)`)
  const p99 = at(times.through, 0.99) - at(times.direct, 0.99)
  print(`         p99 ${p99.toFixed(2)} ms (of one p99 over the other)`)
  print(`CPU      ${(((await cpuMs()) - cpuBefore) / CALLS).toFixed(2)} ms of the gateway a call`)
  print(`(${CALLS} calls of each kind in turn, PostgreSQL and Redis)`)
  await dispatcher.close()
} finally {
  gateway.kill('SIGTERM')
  if (gateway.exitCode === null) await once(gateway, 'exit')
  await upstreams.close()
  await fresh.drop()
  await network.close()
}
