import type { Cluster } from 'ioredis'
import { SECOND } from '../../platform/clock.ts'
import type { Availability } from '../availability.ts'
import { nodeError, withoutCommand } from './redis-refusals.ts'

/** Nodes come and go also while no command is redirected. */
const REFRESH_INTERVAL = 5 * SECOND

/**
 * Says that a cluster is away when one of its nodes cannot be reached, with its share of the keys, and that it is there
 * when every node that holds keys answers.
 */
export function watchCluster(cluster: Cluster, availability: Availability): void {
  let isAway = false

  function away(error: unknown): void {
    isAway = true
    availability.away(withoutCommand(error))
  }

  async function there(): Promise<void> {
    if (!isAway || cluster.status !== 'ready') return
    try {
      await Promise.all(cluster.nodes('master').map((node) => node.ping()))
    } catch {
      return
    }
    isAway = false
    availability.there()
  }

  cluster.on('node error', away)
  cluster.on('error', (error: Error) => away(nodeError(error)))
  cluster.on('reconnecting', () => away(new Error('no node answers, or the cluster does not hold all keys')))
  cluster.on('ready', there)
  cluster.on('refresh', there)
  const refresh = setInterval(() => {
    if (cluster.status === 'ready') cluster.refreshSlotsCache()
  }, REFRESH_INTERVAL).unref()
  cluster.on('end', () => clearInterval(refresh))
}
