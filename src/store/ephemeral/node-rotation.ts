import { createConnection } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AbstractConnector, type Cluster, type Redis, type RedisOptions } from 'ioredis'
import type { RedisNode } from '../../config/redis-place.ts'

/** Leads a connection to one node of a cluster after the other, whenever it connects. */
export type NodeRotation = {
  Connector: NonNullable<RedisOptions['Connector']>
  /** Lets the connection go elsewhere when its node is taken out of the cluster: it would hear nothing there. */
  leaveWhenRemoved(connection: Redis): void
}

/** @param seeds where to begin while `cluster` knows no nodes */
export function createNodeRotation(seeds: readonly RedisNode[], cluster: Cluster): NodeRotation {
  let turn = 0
  let current: RedisNode | undefined

  /** The cluster client's own subscriber is not asked for heartbeats, and says nothing when it has missed messages. */
  class NextNode extends AbstractConnector {
    readonly #tls: RedisOptions['tls']

    constructor(options: unknown) {
      const { disconnectTimeout = 0, tls } = options as RedisOptions
      super(disconnectTimeout)
      this.#tls = tls
    }

    override async connect() {
      this.connecting = true
      const known = cluster.nodes('master').map(({ options: { host, port } }) => ({ host, port }) as RedisNode)
      const nodes = known.length > 0 ? known : seeds
      current = nodes[turn++ % nodes.length] as RedisNode
      this.stream = this.#tls ? connectTls({ ...current, ...this.#tls }) : createConnection(current)
      this.stream.once('error', (error) => {
        this.firstError = error
      })
      return this.stream
    }
  }

  return {
    Connector: NextNode,
    leaveWhenRemoved(connection) {
      cluster.on('-node', ({ options: { host, port } }: Redis) => {
        if (host === current?.host && port === current?.port) connection.disconnect(true)
      })
    },
  }
}
