import { RateLimiterRedis } from 'rate-limiter-flexible'
import { SECOND, systemClock } from '../../platform/clock.ts'
import type { CounterOptions } from '../../platform/limits.ts'
import { InProcessLimiter } from './in-process-limiter.ts'
import type { RedisClient } from './redis-clients.ts'

/**
 * Counts in Redis, for all replicas. While Redis cannot be reached each replica counts by itself: an outage neither
 * lifts the limits nor refuses everyone.
 */
export function createRedisLimiter(client: RedisClient, options: CounterOptions): RateLimiterRedis {
  const { name, points, windowMs } = options
  return new RateLimiterRedis({
    storeClient: client,
    keyPrefix: `limit:${name}`,
    points,
    duration: windowMs / SECOND,
    insuranceLimiter: new InProcessLimiter(options, systemClock),
    // Without this, each count would wait for the timeout of its command before it is counted here.
    rejectIfRedisNotReady: true,
  })
}
