import type { Redis } from 'ioredis'
import { SECOND } from '../../platform/clock.ts'
import { translateOutage } from './redis-connection.ts'

type Listener = (message: string) => void

type Channel = {
  listeners: Set<Listener>
  /** Resolves when the server sends the messages of the channel. Undefined while it was not asked to. */
  subscribed: Promise<void> | undefined
}

/** The channels that a process listens to, each subscribed once for all its listeners. */
export interface RedisChannels {
  /**
   * Rejects with SERVICE_UNAVAILABLE when the server cannot be reached. The returned function never rejects: what the
   * server is not told now, it is told when it is back, or has forgotten with the connection.
   */
  subscribe(name: string, listener: Listener): Promise<() => Promise<void>>
  close(): void
}

/** A connection that only listens notices by this that the server is gone. */
const HEARTBEAT = 2 * SECOND

/**
 * Listens on a connection that does nothing else, and was opened with `autoResubscribe: false`: the client of Redis
 * subscribes again to whatever it has not seen the end of, also to channels that were left while the server was away.
 */
export function createRedisChannels(connection: Redis): RedisChannels {
  const channels = new Map<string, Channel>()
  /** Channels without listeners of which the server may still send messages. */
  const left = new Set<string>()

  function open(name: string, channel: Channel): Promise<void> {
    left.delete(name)
    const subscribed = translateOutage(async () => void (await connection.subscribe(name)))
    subscribed.catch(() => {
      if (channel.subscribed === subscribed) channel.subscribed = undefined
    })
    return subscribed
  }

  function openMissing(): void {
    for (const [name, channel] of channels) channel.subscribed ??= open(name, channel)
  }

  async function leaveUnused(): Promise<void> {
    const names = [...left]
    if (names.length === 0 || connection.status !== 'ready') return
    try {
      await connection.unsubscribe(...names)
      for (const name of names) left.delete(name)
    } catch {
      // The next heartbeat tries again, or the connection closes.
    }
  }

  async function stop(name: string, channel: Channel, listener: Listener): Promise<void> {
    channel.listeners.delete(listener)
    if (channel.listeners.size > 0 || channels.get(name) !== channel) return
    channels.delete(name)
    left.add(name)
    await leaveUnused()
  }

  connection.on('message', (name: string, message: string) => {
    const channel = channels.get(name)
    if (channel === undefined) left.add(name)
    else for (const listener of [...channel.listeners]) listener(message)
  })
  connection.on('close', () => {
    // With the connection the server has forgotten all of them.
    left.clear()
    for (const channel of channels.values()) channel.subscribed = undefined
  })
  connection.on('ready', openMissing)
  const heartbeat = setInterval(() => {
    connection.ping().catch(() => undefined)
    void leaveUnused()
    if (connection.status === 'ready') openMissing()
  }, HEARTBEAT).unref()

  return {
    async subscribe(name, listener) {
      const channel = channels.get(name) ?? { listeners: new Set(), subscribed: undefined }
      channels.set(name, channel)
      channel.listeners.add(listener)
      channel.subscribed ??= open(name, channel)
      try {
        await channel.subscribed
      } catch (error) {
        await stop(name, channel, listener)
        throw error
      }
      return () => stop(name, channel, listener)
    },

    close() {
      clearInterval(heartbeat)
      channels.clear()
      connection.disconnect()
    },
  }
}
