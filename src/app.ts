import { setMaxListeners } from 'node:events'
import type { FastifyInstance } from 'fastify'
import type { Gateway } from './auth/gateway.ts'
import { startHousekeeping } from './auth/housekeeping.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { createGraphqlServer } from './graphql/server.ts'
import { createServer } from './http/routes.ts'
import { createLogger, type Logger } from './logger.ts'
import { createOAuthClients } from './oauth/client.ts'
import { createCredentials } from './oauth/credential.ts'
import { createIdentities } from './oauth/identity.ts'
import { createProfiles } from './oauth/profile.ts'
import { createRevocation } from './oauth/revocation.ts'
import { type Database, openDatabase } from './store/database.ts'
import { keptEncryptionKeys } from './store/encryption-keys.ts'
import type { EphemeralStore } from './store/ephemeral-store.ts'
import { createInProcessStore } from './store/in-process-store.ts'
import { createRedisStore } from './store/redis-store.ts'
import { createSealer } from './store/seal.ts'

/** The gateway, built and ready to listen. */
export type App = {
  gateway: Gateway
  server: FastifyInstance
  /** Takes no more requests, ends what is under way, and closes the stores. */
  close(): Promise<void>
}

/** Parts that tests and the sandbox hand in. What is handed in is not closed here. */
export type AppOptions = { clock?: Clock; logger?: Logger; database?: Database; ephemeral?: EphemeralStore }

/** The composition root: the only place that chooses and builds adapters. */
export async function createApp(config: Config, options: AppOptions = {}): Promise<App> {
  const { clock = systemClock, logger = createLogger({ level: config.logLevel }) } = options
  const keys = config.encryptionKeys ?? (await keptEncryptionKeys(config.dataDir))
  const database = options.database ?? (await openDatabase(config.database))
  const ephemeral = options.ephemeral ?? (await openEphemeralStore(config, clock, logger))

  const db = database.prisma
  const sealer = createSealer(keys)
  const identities = createIdentities(config)
  const clients = await createOAuthClients(config, identities.resolver)
  const credentials = createCredentials({ db, sealer, locks: ephemeral, clients, clock })
  const revocation = createRevocation({ db, credentials, clock, logger })
  const closing = new AbortController()
  // One listener for each client that is told of changes.
  setMaxListeners(0, closing.signal)
  const gateway: Gateway = {
    config,
    clock,
    logger,
    db,
    ephemeral,
    sealer,
    clients,
    identities,
    profiles: createProfiles(config, logger),
    credentials,
    revocation,
    closing: closing.signal,
  }
  const server = await createServer(gateway, createGraphqlServer(gateway))
  await revocation.resume()
  const stopHousekeeping = startHousekeeping(gateway)

  return {
    gateway,
    server,
    async close() {
      closing.abort()
      await server.close()
      await stopHousekeeping()
      await revocation.close()
      if (options.ephemeral === undefined) await ephemeral.close()
      if (options.database === undefined) await database.close()
    },
  }
}

async function openEphemeralStore({ redisUrl }: Config, clock: Clock, logger: Logger): Promise<EphemeralStore> {
  return redisUrl === null ? createInProcessStore({ clock }) : createRedisStore({ url: redisUrl, logger })
}
