import { createOAuthClients } from '../../src/atproto/client.ts'
import { createGrants } from '../../src/atproto/grants/grants.ts'
import { createIdentities } from '../../src/atproto/identity.ts'
import { createPdsCalls } from '../../src/atproto/pds/pds-calls.ts'
import { createUpstreams } from '../../src/atproto/pds/upstreams.ts'
import { createProfiles } from '../../src/atproto/profile.ts'
import { createScopeRefusals } from '../../src/atproto/push/scope-refusals.ts'
import { declaredScopes } from '../../src/atproto/scope.ts'
import { type KnownSets, NO_SETS, setsOf } from '../../src/atproto/scopes/permission-set.ts'
import { createPermissionSets } from '../../src/atproto/scopes/permission-sets.ts'
import { type Environment, loadConfig } from '../../src/config/config.ts'
import type { Gateway } from '../../src/gateway.ts'
import { createLimits } from '../../src/platform/limits.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createProvenTokens } from '../../src/platform/proven-tokens.ts'
import { createReadCache, type MonotonicClock } from '../../src/platform/read-cache.ts'
import { createSharedSources } from '../../src/platform/shared-sources.ts'
import { createStreamSlots } from '../../src/platform/stream-slots.ts'
import { createInProcessStore } from '../../src/store/ephemeral/in-process-store.ts'
import { createSealer } from '../../src/store/sealing/sealer.ts'
import { type Database, openDatabase } from '../../src/store/sql/database.ts'
import { pgliteImage } from './fixtures.ts'
import { createMovableClock, type MovableClock } from './movable-clock.ts'
import { publishedIn } from './published-sets.ts'

/** A gateway's parts without HTTP and without a network: for tests of what it does by itself. */
export type UnitGateway = Gateway & {
  clock: MovableClock
  logLines: string[]
  /** The grants that were to be revoked. No server is there that could be asked. */
  revoked: string[]
  /** What clients were told, as `channel message`. */
  published: string[]
  /** Closes the gateway as seen by what waits for that; the stores stay open. */
  close(): void
}

// Opening one takes a second. Each test writes sessions and groups of its own, so that files which share a process
// share it.
let database: Promise<Database> | undefined

/** Shows a second more each time: unit tests write rows themselves, and ask at once what is made of them. */
function createHastyClock(): MonotonicClock {
  let now = 0
  return () => {
    now += 1000
    return now
  }
}

/** @param sets the permission sets that are published */
export async function openUnitGateway(
  env: Environment = {},
  { sets = NO_SETS }: { sets?: KnownSets } = {},
): Promise<UnitGateway> {
  database ??= pgliteImage().then((image) => openDatabase({ kind: 'memory', image }))
  const { prisma: db, readText } = await database
  const clock = createMovableClock()
  const logLines: string[] = []
  const logger = createLogger({ level: 'trace', destination: { write: (line) => void logLines.push(line) } })
  const published: string[] = []
  const store = createInProcessStore({ clock })
  const ephemeral: typeof store = {
    ...store,
    publish(channel, message) {
      // What replicas tell each other is no client's.
      if (channel.startsWith('session-group:')) published.push(`${channel} ${message}`)
      return store.publish(channel, message)
    },
  }
  const config = loadConfig({ RATE_LIMITS: 'off', ...env })
  const sealer = createSealer([{ id: 'k1', secret: new Uint8Array(32) }])
  const identities = createIdentities(config)
  const clients = await createOAuthClients(config, identities.resolver)
  const pds = createPdsCalls({ upstreams: createUpstreams({ allowInsecure: config.oauth.allowInsecurePds }) })
  const revoked: string[] = []
  const closing = new AbortController()
  const permissionSets = createPermissionSets(
    { db, fetchSet: publishedIn(sets), clock, logger, closing: closing.signal },
    setsOf(declaredScopes(config)),
  )
  await permissionSets.load()
  await permissionSets.settle()
  return {
    config,
    stores: { db, readText, ephemeral, sealer },
    atproto: {
      clients,
      identities,
      profiles: createProfiles(config, logger),
      permissionSets,
      scopeRefusals: createScopeRefusals(clock),
      isAccountKnown: async () => true,
      grants: createGrants({ db, ephemeral, sealer, clients, pds, clock, logger, onChange: () => undefined }),
      pds,
      revocations: {
        revokeSoon: (grantId) => void revoked.push(grantId),
        resume: async () => undefined,
        close: async () => undefined,
      },
    },
    runtime: {
      clock,
      logger,
      leaving: closing.signal,
      closing: closing.signal,
      streams: createStreamSlots(),
      sources: createSharedSources(),
      limits: createLimits({ rateLimits: config.rateLimits, openCounter: ephemeral.counter, clock, logger }),
      provenTokens: createProvenTokens(),
      sessionCache: createReadCache({ now: createHastyClock() }),
    },
    clock,
    logLines,
    revoked,
    published,
    close: () => closing.abort(),
  }
}
