import { Redis } from 'ioredis'
import { REDIS_URL } from './services.ts'

/** What a test's keys in the shared Redis can be asked, all under one prefix. */
export type RedisKeys = {
  /** Lets time pass for the keys: their time to live shrinks, and those with none left are gone. */
  age(ms: number): Promise<void>
  /** Every key and value, as text. */
  dump(): Promise<string>
  /** Deletes them. */
  close(): Promise<void>
}

export function openRedisKeys(prefix: string): RedisKeys {
  const client = new Redis(REDIS_URL)
  const keys = () => client.keys(`${prefix}*`)
  return {
    async age(ms) {
      for (const key of await keys()) {
        const left = (await client.pttl(key)) - ms
        await (left > 0 ? client.pexpire(key, left) : client.del(key))
      }
    },
    async dump() {
      const lines = (await keys()).map(async (key) => `${key} ${await client.get(key)}`)
      return (await Promise.all(lines)).join('\n')
    },
    async close() {
      for (const key of await keys()) await client.del(key)
      client.disconnect()
    },
  }
}
