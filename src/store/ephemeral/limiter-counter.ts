import { type RateLimiterLike, RateLimiterRes } from 'rate-limiter-flexible'
import type { Counter } from '../../platform/limits.ts'

/** A limiter of the library as a counter. The library rejects with its result where a count is one too many. */
export function limiterCounter(limiter: Pick<RateLimiterLike, 'consume'>): Counter {
  return {
    async consume(key) {
      try {
        await limiter.consume(key)
        return 0
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal
        return Math.max(refusal.msBeforeNext, 1)
      }
    },
  }
}
