import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { inject } from 'vitest'
import { type App, createApp } from '../../src/app.ts'
import { type Environment, loadConfig } from '../../src/config/config.ts'
import type { Gateway } from '../../src/gateway.ts'
import type { ConnectionLimits } from '../../src/http/connections.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { ENCRYPTION_KEY } from './encryption-key.ts'
import { fixture } from './fixtures.ts'
import { freePort } from './free-port.ts'
import { openStores, type Stores } from './stores.ts'

/** A whole gateway over real stores, listening, on the test run's atproto network. */
export type TestGateway = {
  url: string
  gateway: Gateway
  stores: Stores
  /** Every line that it logged, at the most talkative level. */
  logLines: string[]
  /** How many connections are open. */
  connections(): Promise<number>
  /** Another process of the same gateway: same stores, same public URL, its own port. */
  startReplica(): Promise<{ url: string; close(): Promise<void> }>
  /** Tells it that its process is about to end. */
  leave(): void
  /** Closes the gateway alone, as when its process ends. */
  stop(): Promise<void>
  close(): Promise<void>
}

const ENCRYPTION_KEYS = `${ENCRYPTION_KEY.id}:${Buffer.from(ENCRYPTION_KEY.secret).toString('base64url')}`

/**
 * The stores as a test uses them. What it writes into the database behind the gateway's back is read at once, as it is
 * by a process that was told, or a second later.
 */
function withForgetting(stores: Stores, forget: () => void): Stores {
  const prisma = stores.database.prisma.$extends({
    query: {
      async $allOperations({ operation, args, query }) {
        try {
          return await query(args)
        } finally {
          if (!/^(find|count|aggregate|groupBy|\$queryRaw)/.test(operation)) forget()
        }
      },
    },
  }) as unknown as Stores['database']['prisma']
  return { ...stores, database: { ...stores.database, prisma } }
}

export async function startGateway(
  env: Environment = {},
  givenStores?: Stores,
  connectionLimits?: ConnectionLimits,
): Promise<TestGateway> {
  const [stores, { publisher }] = await Promise.all([givenStores ?? openStores(), fixture('network')])
  const logLines: string[] = []
  const environment: Environment = {
    ...sandboxEnvironment(await freePort()),
    LEXICON_AUTHORITY_DID: publisher.did,
    ...env,
  }
  const port = Number(environment.PORT)
  const app = await startApp({ environment, port, stores, logLines, connectionLimits })
  const caches = [app.gateway.runtime.sessionCache]
  const seen = withForgetting(stores, () => {
    for (const cache of caches) cache.clear()
  })
  let stopped = false

  async function stop() {
    if (!stopped) await app.close()
    stopped = true
  }
  return {
    url: `http://127.0.0.1:${port}`,
    gateway: { ...app.gateway, stores: { ...app.gateway.stores, db: seen.database.prisma } },
    stores: seen,
    logLines,
    connections: () => promisify(app.server.server.getConnections.bind(app.server.server))(),
    async startReplica() {
      const replica = await startApp({ environment, port: 0, stores, logLines })
      caches.push(replica.gateway.runtime.sessionCache)
      const { port: replicaPort } = replica.server.server.address() as AddressInfo
      return { url: `http://127.0.0.1:${replicaPort}`, close: () => replica.close() }
    },
    leave: () => app.leave(),
    stop,
    async close() {
      await stop()
      await stores.close()
    },
  }
}

function sandboxEnvironment(port: number): Record<string, string> {
  return {
    PORT: String(port),
    ENCRYPTION_KEYS,
    ALLOW_INSECURE_PDS: 'on',
    PLC_DIRECTORY_URL: inject('plcUrl'),
    HANDLE_RESOLVER_URL: inject('pdsUrl'),
    OAUTH_OPTIONAL_SCOPES: 'transition:generic transition:email',
    // Tests of the limits set them.
    RATE_LIMITS: 'off',
    MAX_EVENT_LOOP_DELAY: 'off',
    LOG_LEVEL: 'trace',
  }
}

type Start = {
  environment: Environment
  port: number
  stores: Stores
  logLines: string[]
  connectionLimits?: ConnectionLimits | undefined
}

async function startApp({ environment, port, stores, logLines, connectionLimits }: Start): Promise<App> {
  const config = loadConfig(environment)
  const logger = createLogger({ level: config.logLevel, destination: { write: (line) => void logLines.push(line) } })
  const { clock, database, ephemeral } = stores
  const limits = connectionLimits && { connectionLimits }
  const app = await createApp(config, {
    clock,
    monotonicClock: clock.monotonic,
    logger,
    database,
    ephemeral,
    ...limits,
  })
  await app.server.listen({ host: '127.0.0.1', port })
  return app
}
