import { LRUCache } from 'lru-cache'
import { RateLimiterCompatibleAbstract, RateLimiterRes } from 'rate-limiter-flexible'
import type { Clock } from '../../platform/clock.ts'
import type { CounterOptions } from '../../platform/limits.ts'

/** Some 10 MB. What fills it are addresses, each with an allowance of its own: forgetting one gives them nothing. */
const MAX_KEYS = 50_000

type Window = { count: number; endsAt: number }

/**
 * Counts in this process. The library's own limiter in memory keeps a timer for each key and any number of keys, so a
 * flood from many addresses would fill the memory.
 */
export class InProcessLimiter extends RateLimiterCompatibleAbstract {
  // What the library asks of a limiter that insures another one.
  override readonly keyPrefix = ''
  override blockDuration = 0
  override execEvenly = false
  readonly #windows = new LRUCache<string, Window>({ max: MAX_KEYS })
  readonly #options: CounterOptions
  readonly #clock: Clock

  constructor(options: CounterOptions, clock: Clock) {
    super()
    this.#options = options
    this.#clock = clock
  }

  /** Rejects with a RateLimiterRes, as the library's limiters do, if that was one too many. */
  override async consume(key: string | number): Promise<RateLimiterRes> {
    const { points, windowMs } = this.#options
    const now = this.#clock()
    const known = this.#windows.get(String(key))
    const { count, endsAt } = known !== undefined && known.endsAt > now ? known : { count: 0, endsAt: now + windowMs }
    const consumed = count + 1
    this.#windows.set(String(key), { count: consumed, endsAt })
    const result = new RateLimiterRes(Math.max(points - consumed, 0), endsAt - now, consumed, consumed === 1)
    if (consumed > points) throw result
    return result
  }
}
