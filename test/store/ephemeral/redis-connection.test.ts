import { once } from 'node:events'
import type { Redis } from 'ioredis'
import { pino } from 'pino'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { connectRedis } from '../../../src/store/ephemeral/redis-connection.ts'
import { REDIS_URL } from '../../support/services.ts'

/** Lets Redis refuse with what it refuses with when it has become a replica. */
const REFUSE = `return redis.error_reply('READONLY Writing is for the primary.')`

async function connect() {
  const place = { kind: 'server', url: REDIS_URL } as const
  const { commands, subscriptions } = await connectRedis(place, { keyPrefix: '', logger: pino({ level: 'silent' }) })
  onTestFinished(() => {
    commands.disconnect()
    subscriptions.disconnect()
  })
  return commands as Redis
}

describe.skipIf(!inject('services').redis)('the connection to Redis', () => {
  it('is made anew when the server has become a replica: the name may lead to the new primary', async () => {
    const client = await connect()
    const again = once(client, 'ready')
    await expect(client.eval(REFUSE, 0)).rejects.toThrow('READONLY')
    await again
    await expect(client.ping()).resolves.toBe('PONG')
  })

  it('stays when the server refuses anything else', async () => {
    const client = await connect()
    const id = await client.client('ID')
    await expect(client.eval('nonsense', 0)).rejects.toThrow('ERR')
    expect(await client.client('ID')).toBe(id)
  })
})
