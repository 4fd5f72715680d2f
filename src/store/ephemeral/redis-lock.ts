import { Mutex } from 'redis-semaphore'

/** The library's mutex, which renews itself while its work goes on; with one mend. */
export class RedisLock extends Mutex {
  /**
   * The library renews on a timer and lets a failure reject there, where nobody catches it and the process would end. While the server
   * is away the lock may still stand, and the next renewal finds out.
   */
  protected override async _refresh(): Promise<boolean> {
    try {
      return await super._refresh()
    } catch {
      return true
    }
  }
}
