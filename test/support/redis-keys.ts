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

/** @param urls every server that has some of the keys */
export function openRedisKeys(prefix: string, urls: readonly string[] = [REDIS_URL]): RedisKeys {
  // A server that changes its role resets its connections. What is asked meanwhile fails by itself.
  const clients = urls.map((url) => new Redis(url).on('error', () => undefined))
  const each = async (work: (client: Redis, key: string) => Promise<unknown>) => {
    for (const client of clients) for (const key of await client.keys(`${prefix}*`)) await work(client, key)
  }
  return {
    age: (ms) =>
      each(async (client, key) => {
        const left = (await client.pttl(key)) - ms
        await (left > 0 ? client.pexpire(key, left) : client.del(key))
      }),
    async dump() {
      const lines: string[] = []
      await each(async (client, key) => lines.push(`${key} ${await client.get(key)}`))
      return lines.join('\n')
    },
    async close() {
      await each((client, key) => client.del(key))
      for (const client of clients) client.disconnect()
    },
  }
}
