import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../test/support/free-port.ts'
import { createFreshDatabase } from '../test/support/fresh-database.ts'
import { createHttpBrowser } from '../test/support/http-browser.ts'
import { reserveNetwork } from '../test/support/network.ts'
import { findServices, REDIS_URL } from '../test/support/services.ts'
import { signIn } from '../test/support/sign-in.ts'
import { CurrentUserDocument } from '../web/generated/graphql.ts'

// What people notice of a flood: on one address they sign in through a real PDS and query `currentUser`, while 50 others
// send hostile requests. `--embedded` takes the stores of the process, `--seconds=5` a shorter flood.
const RATE = 1000
const CALM_MS = 15_000
/**
 * Each person signs in once a minute, 20 seconds after the one before: three sign-ins a minute are what the limits keep for one
 * address at a server that others flood.
 */
const VISIT_MS = 60_000
const STAGGER_MS = 20_000
const PAUSE_MS = 100
const PEOPLE = ['alice.test', 'bob.test', 'carol.test']

const secondsGiven = process.argv.find((argument) => argument.startsWith('--seconds='))?.split('=')[1]
const FLOOD_SECONDS = Math.min(Number(secondsGiven ?? 60), 120)

type Measured = { reads: number[]; refusedReads: number; signedIn: number; notSignedIn: string[]; rss: number[] }

const newMeasured = (): Measured => ({ reads: [], refusedReads: 0, signedIn: 0, notSignedIn: [], rss: [] })
let measured = newMeasured()
let isOver = false

/** Signs in, reads for a while, and begins again. */
async function visit(url: string, handle: string): Promise<void> {
  while (!isOver) {
    const browser = createHttpBrowser(url)
    try {
      await signIn(browser, handle)
      measured.signedIn++
    } catch (error) {
      measured.notSignedIn.push(error instanceof Error ? error.message : String(error))
      await sleep(5000)
      continue
    }
    const end = performance.now() + VISIT_MS
    while (performance.now() < end && !isOver) {
      const startedAt = performance.now()
      const answer = await browser.graphql(CurrentUserDocument).catch(() => null)
      if (answer?.data?.currentUser?.handle === handle) measured.reads.push(performance.now() - startedAt)
      else measured.refusedReads++
      await sleep(PAUSE_MS)
    }
  }
}

async function rssOf(gateway: ChildProcess): Promise<number> {
  const answer = once(gateway, 'message')
  gateway.send('rss')
  const [{ rss }] = (await answer) as [{ rss: number }]
  return rss / 1024 / 1024
}

/** Measures for as long as `during` takes. */
async function phase(gateway: ChildProcess, during: Promise<unknown>): Promise<Measured> {
  measured = newMeasured()
  const done = during.then(() => true)
  do measured.rss.push(await rssOf(gateway))
  while (!(await Promise.race([done, sleep(5000, false)])))
  measured.rss.push(await rssOf(gateway))
  return measured
}

async function flood(port: number): Promise<{ sent: number; answers: Record<string, Record<string, number>> }> {
  const attackers = fork(new URL('./flood-attackers.ts', import.meta.url), [port, RATE, FLOOD_SECONDS].map(String))
  const [result] = (await once(attackers, 'message')) as [Awaited<ReturnType<typeof flood>>]
  return result
}

const print = (line = '') => void process.stdout.write(`${line}\n`)
const quantile = (values: number[], share: number) => {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN
}

function report(name: string, { reads, refusedReads, signedIn, notSignedIn, rss }: Measured): void {
  const times = [0.5, 0.99].map((share) => `${quantile(reads, share).toFixed(1)} ms`.padStart(11)).join('')
  const counts = [reads.length, refusedReads, signedIn, notSignedIn.length].map((count) => String(count).padStart(9))
  print(`${name.padEnd(8)}${times}${counts.join('')}   ${rss.map((megabytes) => Math.round(megabytes)).join(' ')}`)
  for (const reason of new Set(notSignedIn)) print(`  not signed in: ${reason.slice(0, 200)}`)
}

const services = await findServices()
const isEmbedded = process.argv.includes('--embedded') || !services.postgres || !services.redis
const folder = await mkdtemp(join(tmpdir(), 'atgate-flood-'))
const database = isEmbedded ? null : await createFreshDatabase()
const network = await reserveNetwork()
await network.start()
const port = await freePort()
const gateway = fork(new URL('./gateway-server.ts', import.meta.url), {
  env: {
    PATH: process.env.PATH,
    NODE_ENV: 'production',
    PORT: String(port),
    ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64url')}`,
    ALLOW_INSECURE_PDS: 'on',
    PLC_DIRECTORY_URL: network.plcUrl,
    HANDLE_RESOLVER_URL: network.pdsUrl,
    ...(database === null ? { DATA_DIR: folder } : { DATABASE_URL: database.url, REDIS_URL }),
  },
  // The gateway writes its log as in production, but to /dev/null.
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
})
try {
  await once(gateway, 'message')
  const visits = PEOPLE.map(async (handle, index) => {
    await sleep(index * STAGGER_MS)
    return visit(`http://127.0.0.1:${port}`, handle)
  })
  while (measured.signedIn < PEOPLE.length) await sleep(PAUSE_MS)
  const calm = await phase(gateway, sleep(CALM_MS))
  const flooding = flood(port)
  const flooded = await phase(gateway, flooding)
  const after = await phase(gateway, sleep(CALM_MS))
  isOver = true
  await Promise.all(visits)

  const { sent, answers } = await flooding
  print(
    `${sent} hostile requests in ${FLOOD_SECONDS} s over ${isEmbedded ? 'embedded stores' : 'PostgreSQL and Redis'}\n`,
  )
  print('           currentUser: p50, p99    reads  refused sign-ins   failed   RSS in MB, every 5 s')
  for (const [name, of] of Object.entries({ calm, flooded, after })) report(name, of)
  print()
  for (const [name, statuses] of Object.entries(answers)) print(`${name.padEnd(26)} ${JSON.stringify(statuses)}`)
} finally {
  isOver = true
  gateway.kill('SIGTERM')
  if (gateway.exitCode === null) await once(gateway, 'exit')
  await network.close()
  await database?.drop()
  await rm(folder, { recursive: true })
}
