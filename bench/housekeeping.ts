import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { createApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'
import { sweep } from '../src/jobs/housekeeping.ts'
import type { PrismaClient } from '../src/store/sql/generated/client.ts'
import { ENCRYPTION_KEY, SEALED_GRANT } from '../test/support/encryption-key.ts'
import { createFreshDatabase } from '../test/support/fresh-database.ts'
import { findServices } from '../test/support/services.ts'

// How long housekeeping takes over sessions that have expired, beside a tenth as many that have not, and how long a
// request that reads a session takes meanwhile. `npm run bench:housekeeping -- 1000000`.
const EXPIRED = Number(process.argv[2] ?? 1_000_000)
const LIVE = EXPIRED / 10

const print = (line: string) => void process.stdout.write(`${line}\n`)
const secondsSince = (start: number) => ((performance.now() - start) / 1000).toFixed(1)

async function fill(db: PrismaClient, { prefix, count, ends }: { prefix: string; count: number; ends: string }) {
  // In parts, because a statement may take five seconds.
  for (let from = 0; from < count; from += 20_000) {
    const series = `generate_series(${from}, ${Math.min(from + 20_000, count) - 1}) AS n`
    const id = `'${prefix}' || lpad(to_hex(n), 31, '0')`
    const did = `'did:web:account-' || (n % 1000) || '.test'`
    const end = `now() + interval '${ends}' - n * interval '1 millisecond'`
    for (const statement of [
      `INSERT INTO "SessionGroup" ("id", "activeDid") SELECT ${id}, ${did} FROM ${series}`,
      `INSERT INTO "Grant" ("id", "did", "issuer", "scope", "sealed", "expiresAt", "updatedAt", "refreshAfter")
       SELECT ${id}, ${did}, 'https://pds.test', 'atproto', '${SEALED_GRANT}', ${end}, now(), now() FROM ${series}`,
      `INSERT INTO "Session" ("id", "kind", "did", "groupId", "grantId", "createdAt", "authenticatedAt", "linkedAt",
                              "exchangedAt", "expiresAt")
       SELECT ${id}, 'BROWSER', ${did}, ${id}, ${id}, now(), now(), now(), now(), ${end} FROM ${series}`,
      `INSERT INTO "ClientToken" ("id", "secretHash", "kind", "groupId", "sessionId", "mintedAt", "confirmedAt", "endsAt")
       SELECT ${id}, '\\x00', 'BROWSER', ${id}, ${id}, now(), now(), now() + interval '400 days' FROM ${series}`,
    ]) {
      await db.$executeRawUnsafe(statement)
    }
  }
}

/** Reads sessions until the signal, and gives how long each took, in milliseconds. */
async function readMeanwhile(db: PrismaClient, signal: AbortSignal): Promise<number[]> {
  const took: number[] = []
  while (!signal.aborted) {
    const start = performance.now()
    await db.session.findFirst({ where: { expiresAt: { gt: new Date() } }, include: { grant: true, account: true } })
    took.push(performance.now() - start)
    await sleep(20)
  }
  return took.toSorted((a, b) => a - b)
}

await findServices()
const fresh = await createFreshDatabase()
try {
  const config = loadConfig({
    DATABASE_URL: fresh.url,
    ENCRYPTION_KEYS: `${ENCRYPTION_KEY.id}:${Buffer.from(ENCRYPTION_KEY.secret).toString('base64url')}`,
    LOG_LEVEL: 'warn',
  })
  const { gateway, close } = await createApp(config)
  const { db } = gateway.stores
  await db.account.createMany({
    data: Array.from({ length: 1000 }, (_, n) => ({
      did: `did:web:account-${n}.test`,
      handle: `account-${n}.test`,
      pdsUrl: 'https://pds.test',
      refreshedAt: new Date(),
    })),
  })
  await fill(db, { prefix: '1', count: EXPIRED, ends: '-1 seconds' })
  await fill(db, { prefix: '2', count: LIVE, ends: '14 days' })
  await db.$executeRawUnsafe('ANALYZE')
  print(`${EXPIRED} sessions that have expired, each in a group of its own, and ${LIVE} that have not`)

  const done = new AbortController()
  const reading = readMeanwhile(db, done.signal)
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const start = performance.now()
  await sweep(gateway)
  const [sessions, groups] = [await db.session.count(), await db.sessionGroup.count()]
  const seconds = Number(secondsSince(start))
  print(
    `sweep: ${seconds} s, ${Math.round(EXPIRED / seconds)} sessions a second; left: ${sessions} sessions, ${groups} groups`,
  )
  const revoking = performance.now()
  await gateway.atproto.revocations.resume()
  print(`grants that no server honours: ${secondsSince(revoking)} s more; left: ${await db.grant.count()} grants`)
  done.abort()
  const took = await reading
  const at = (share: number) => took[Math.floor(took.length * share)]?.toFixed(1)
  print(
    `reads meanwhile: ${took.length}, median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${took.at(-1)?.toFixed(1)} ms`,
  )
  print(`event loop: p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, longest ${(delay.max / 1e6).toFixed(1)} ms`)
  if (sessions !== LIVE || groups !== LIVE) process.exitCode = 1
  await close()
} finally {
  await fresh.drop()
}
