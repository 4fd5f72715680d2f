import { setMaxListeners } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import type { Fetch } from '@atproto/oauth-client-node'
import type { FastifyInstance } from 'fastify'
import { isAccountKnown } from './atproto/account-known.ts'
import { createOAuthClients } from './atproto/client.ts'
import type { GrantChange } from './atproto/grants/grant-change.ts'
import { createGrants } from './atproto/grants/grants.ts'
import { requireReadableGrants } from './atproto/grants/readable.ts'
import { createRevocationQueue } from './atproto/grants/revocation-queue.ts'
import { createIdentities, type Identities } from './atproto/identity.ts'
import { createPdsCalls } from './atproto/pds/pds-calls.ts'
import { createUpstreams, type Upstreams } from './atproto/pds/upstreams.ts'
import { createProfiles } from './atproto/profile.ts'
import { createScopeRefusals } from './atproto/push/scope-refusals.ts'
import { createSafeFetch } from './atproto/safe-fetch.ts'
import { declaredScopes } from './atproto/scope.ts'
import { createFetchPermissionSet } from './atproto/scopes/fetch-permission-set.ts'
import { authorityByDns, fixedAuthority } from './atproto/scopes/lexicon-authority.ts'
import { setsOf } from './atproto/scopes/permission-set.ts'
import { createPermissionSets, type PermissionSets } from './atproto/scopes/permission-sets.ts'
import type { Config } from './config/config.ts'
import type { Atproto, Gateway, Runtime, Stores } from './gateway.ts'
import { createGraphqlServer } from './graphql/server.ts'
import { CONNECTION_LIMITS, type ConnectionLimits } from './http/connections.ts'
import { drainConnections } from './http/draining.ts'
import { createServer } from './http/routes.ts'
import { startHousekeeping } from './jobs/housekeeping.ts'
import { startKeyRotation } from './jobs/identity-keys.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import { createLimits } from './platform/limits.ts'
import { createLogger, type Logger } from './platform/logger.ts'
import { createProvenTokens } from './platform/proven-tokens.ts'
import { createReadCache, type MonotonicClock } from './platform/read-cache.ts'
import { createSharedSources } from './platform/shared-sources.ts'
import { shutdownTimes } from './platform/shutdown.ts'
import { createStreamSlots } from './platform/stream-slots.ts'
import { createServices } from './services/services.ts'
import { followInvalidations, invalidate } from './sessions/invalidate.ts'
import { tellOfGrant } from './sessions/tell-of-grant.ts'
import type { EphemeralStore } from './store/ephemeral/ephemeral-store.ts'
import { createInProcessStore } from './store/ephemeral/in-process-store.ts'
import { createRedisStore } from './store/ephemeral/redis-store.ts'
import { loadEncryptionKeys } from './store/sealing/encryption-keys.ts'
import { createSealer } from './store/sealing/sealer.ts'
import { type Database, openDatabase } from './store/sql/database.ts'

/** The gateway, built and ready to listen. */
export type App = {
  gateway: Gateway
  server: FastifyInstance
  /** Says by `/readyz` that the process is about to end. Requests are answered as before, over connections that end. */
  leave(): void
  /**
   * Takes no more requests, finishes those under way, and closes the stores. Requests and revocations that take longer
   * than their share of SHUTDOWN_SECONDS are left.
   */
  close(): Promise<void>
}

/** Parts that tests and the sandbox hand in. What is handed in is not closed here. */
export type AppOptions = {
  clock?: Clock
  monotonicClock?: MonotonicClock
  logger?: Logger
  database?: Database
  ephemeral?: EphemeralStore
  connectionLimits?: ConnectionLimits
}

/** The composition root: the only place that chooses and builds adapters. */
export async function createApp(config: Config, options: AppOptions = {}): Promise<App> {
  const { clock = systemClock, logger = createLogger({ level: config.logLevel }) } = options
  const keys = config.encryptionKeys ?? (await loadEncryptionKeys(config.dataDir))
  const database = options.database ?? (await openDatabase({ ...config.database, logger }))
  const ephemeral = options.ephemeral ?? (await openEphemeralStore(config, clock, logger))
  const { prisma: db, readText } = database
  const stores = { db, readText, ephemeral, sealer: createSealer(keys) }
  await requireReadableGrants(stores, logger)
  const [leaving, closing] = [new AbortController(), new AbortController()]
  // Each client that is told of changes adds a listener.
  setMaxListeners(0, closing.signal)
  const runtime = createRuntime(config, stores, {
    clock,
    logger,
    leaving: leaving.signal,
    closing: closing.signal,
    sessionCache: createReadCache({ now: options.monotonicClock }),
  })
  // Copies of refreshed grants fill space for a day. Without Redis it is not the space that sign-ins need.
  const isShared = options.ephemeral !== undefined || config.redis !== null
  const copies = isShared ? ephemeral : createInProcessStore({ clock })
  const upstreams = createUpstreams({ allowInsecure: config.oauth.allowInsecurePds })
  const atproto = await createAtproto(config, { ...stores, copies, upstreams }, runtime)
  const gateway: Gateway = { config, stores, atproto, runtime }
  const services = createServices(gateway)
  await services.identityKeys.maintain()
  const { connectionLimits = CONNECTION_LIMITS } = options
  const server = await createServer(gateway, { graphql: createGraphqlServer(gateway), services, connectionLimits })
  const connections = drainConnections(server.server, runtime)
  // What an earlier process has left. Not waited for: servers take their time.
  void atproto.revocations.resume()
  void followInvalidations(gateway)
  const stopHousekeeping = startHousekeeping(gateway)
  const stopKeyRotation = startKeyRotation(services.identityKeys, logger)

  return {
    gateway,
    server,
    leave: () => leaving.abort(),
    async close() {
      const times = shutdownTimes(config.shutdownSeconds)
      leaving.abort()
      closing.abort()
      const serverClosed = server.close()
      const cutOff = await connections.finish(times.requests)
      if (cutOff > 0) logger.warn({ requests: cutOff }, 'requests cut off: they took too long')
      await serverClosed
      await Promise.all([stopHousekeeping(), stopKeyRotation()])
      await Promise.all([
        Promise.race([atproto.revocations.close(), setTimeout(times.grants, undefined, { ref: false })]),
        atproto.grants.close(times.grants),
        atproto.permissionSets.settle(),
      ])
      await upstreams.close()
      if (options.ephemeral === undefined) await ephemeral.close()
      if (options.database === undefined) await database.close()
    },
  }
}

function createRuntime(
  { rateLimits }: Config,
  { ephemeral }: Stores,
  process: Pick<Runtime, 'clock' | 'logger' | 'leaving' | 'closing' | 'sessionCache'>,
): Runtime {
  return {
    ...process,
    streams: createStreamSlots(),
    sources: createSharedSources(),
    limits: createLimits({ rateLimits, openCounter: ephemeral.counter, ...process }),
    provenTokens: createProvenTokens(),
  }
}

async function createAtproto(
  config: Config,
  { copies, upstreams, ...stores }: Stores & { copies: EphemeralStore; upstreams: Upstreams },
  runtime: Runtime,
): Promise<Atproto> {
  const { clock, logger } = runtime
  const identities = createIdentities(config)
  const clients = await createOAuthClients(config, identities.resolver)
  const onChange = (change: GrantChange) => {
    if (change.state === 'lost') invalidate({ stores, runtime }, [change.id])
    else runtime.sessionCache.invalidate([change.id])
    tellOfGrant({ stores, runtime }, change)
  }
  const pds = createPdsCalls({ upstreams })
  const grants = createGrants({ ...stores, ephemeral: copies, clients, pds, clock, logger, onChange })
  const revocations = createRevocationQueue({ grants, logger })
  const fetch = createSafeFetch({ allowInsecure: config.oauth.allowInsecurePds })
  return {
    clients,
    identities,
    profiles: createProfiles(config, logger),
    permissionSets: await loadPermissionSets(config, { db: stores.db, identities, fetch, runtime }),
    scopeRefusals: createScopeRefusals(clock),
    isAccountKnown: (did) => isAccountKnown({ identities, fetch }, did),
    grants,
    pds,
    revocations,
  }
}

type PermissionSetParts = Pick<Stores, 'db'> & { identities: Identities; fetch: Fetch; runtime: Runtime }

async function loadPermissionSets(
  config: Config,
  { db, identities, fetch, runtime }: PermissionSetParts,
): Promise<PermissionSets> {
  const { lexiconAuthorityDid } = config.oauth
  const fetchSet = createFetchPermissionSet({
    fetch,
    documents: identities.documents,
    findAuthority: lexiconAuthorityDid === null ? authorityByDns() : fixedAuthority(lexiconAuthorityDid),
  })
  const permissionSets = createPermissionSets({ db, fetchSet, ...runtime }, setsOf(declaredScopes(config)))
  await permissionSets.load()
  return permissionSets
}

async function openEphemeralStore({ redis }: Config, clock: Clock, logger: Logger): Promise<EphemeralStore> {
  return redis === null ? createInProcessStore({ clock }) : createRedisStore({ place: redis, logger })
}
