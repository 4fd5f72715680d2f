import { Mutex } from 'redis-semaphore'

/** The library's mutex, which renews itself while its holder works, with one workaround. */
export class RedisLock extends Mutex {
  /**
   * The library renews on a timer. If a renewal rejects there, nothing catches it and the process ends. While the
   * server is unreachable the lock may still exist, and the next renewal finds out.
   */
  protected override async _refresh(): Promise<boolean> {
    try {
      return await super._refresh()
    } catch {
      return true
    }
  }
}
