import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { RedisCredentials, RedisPlace } from '../../config/redis-place.ts'
import { SECOND } from '../../platform/clock.ts'
import { createNodeRotation } from './node-rotation.ts'

type ClusterPlace = Extract<RedisPlace, { kind: 'cluster' }>

/** What sends commands, wherever Redis is. */
export type RedisClient = Redis | Cluster

const TIMEOUTS = {
  connectTimeout: 3 * SECOND,
  commandTimeout: 2 * SECOND,
  // Without this, a server that disappears without closing the connection is noticed when TCP gives up, after 15
  // minutes.
  socketTimeout: 3 * SECOND,
} satisfies RedisOptions

/** How long connecting may take before the caller goes on without. */
export const CONNECT_TIMEOUT = TIMEOUTS.connectTimeout

const retryDelay = (attempt: number) => Math.min(attempt * 100, SECOND)

/** A command fails within seconds while the server is unreachable. The client reconnects by itself. */
const OPTIONS = {
  ...TIMEOUTS,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  retryStrategy: retryDelay,
  // After a failover the old primary may still respond, as a replica, while its name already resolves to the new one.
  reconnectOnError: (error: Error) => respCode(error.message) === 'READONLY',
} satisfies RedisOptions

/** The clients of one Redis. They connect by themselves, and again when they have to. */
export type RedisClients = {
  commands: RedisClient
  /** Opens a connection that only listens: one that does can do nothing else. */
  openSubscriptions(): Redis
}

/**
 * The client of Redis subscribes again to whatever it has not seen the end of, also to channels that were left while the
 * server was away.
 */
const LISTENING = { autoResubscribe: false }

/** Opens the client that sends commands, whose keys have `keyPrefix`. */
export function openRedisClients(place: RedisPlace, keyPrefix: string): RedisClients {
  if (place.kind === 'cluster') {
    const cluster = openCluster(place, keyPrefix)
    return { commands: cluster, openSubscriptions: () => listenInCluster(place, cluster) }
  }
  return { commands: openRedis(place, { keyPrefix }), openSubscriptions: () => openRedis(place, LISTENING) }
}

function openRedis(place: Exclude<RedisPlace, ClusterPlace>, options: { keyPrefix: string } | typeof LISTENING): Redis {
  if (place.kind === 'server') return new Redis(place.url, { ...OPTIONS, ...options })
  return new Redis({
    ...OPTIONS,
    ...options,
    ...accessTo(place),
    sentinels: [...place.sentinels],
    name: place.masterName,
    ...(place.sentinelPassword !== null && { sentinelPassword: place.sentinelPassword }),
    ...(place.tls && { sentinelTLS: {}, enableTLSForSentinelMode: true }),
    sentinelCommandTimeout: TIMEOUTS.commandTimeout,
    sentinelRetryStrategy: retryDelay,
  })
}

function openCluster(place: ClusterPlace, keyPrefix: string): Cluster {
  return new Cluster([...place.nodes], {
    keyPrefix,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelay,
    slotsRefreshTimeout: TIMEOUTS.commandTimeout,
    // Certificates are for names; the client would connect to the address that a name has at first.
    dnsLookup: (name, callback) => callback(null, name),
    redisOptions: { ...TIMEOUTS, maxRetriesPerRequest: 0, ...accessTo(place) },
  })
}

/** Every message reaches all nodes of a cluster, so it listens to one, and to another one when that is gone. */
function listenInCluster(place: ClusterPlace, cluster: Cluster): Redis {
  const rotation = createNodeRotation(place.nodes, cluster)
  const connection = new Redis({ ...OPTIONS, ...LISTENING, ...accessTo(place), Connector: rotation.Connector })
  rotation.leaveWhenRemoved(connection)
  return connection
}

function accessTo({ tls, credentials }: { tls: boolean; credentials: RedisCredentials | null }) {
  return { ...credentials, ...(tls && { tls: {} }) }
}

/** The error code in a server's reply: in RESP it is the first word of the message. */
export function respCode(reply: string): string {
  return reply.split(' ', 1)[0] ?? ''
}
