import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands between a client and a service, and can break the line in every way that a network does. */
export type TcpProxy = {
  port: number
  /** Drops the connections and refuses new ones. */
  cut(): void
  /** Holds back what is sent; the connections stand, and new ones are accepted. */
  stall(): void
  /** Ends a cut or a stall. What was held back arrives. */
  restore(): void
  /** Silences the connections that stand, for good, as when the service moves away without a word; new ones pass. */
  strand(): void
  close(): Promise<void>
}

type Line = { client: Socket; upstream: Socket }

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const lines = new Set<Line>()
  let state: 'open' | 'cut' | 'stalled' = 'open'

  const server = createServer((client) => {
    if (state === 'cut') {
      client.destroy()
      return
    }
    const line = { client, upstream: connect(target) }
    lines.add(line)
    for (const socket of [line.client, line.upstream]) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        lines.delete(line)
        drop(line)
      })
    }
    if (state === 'open') flow(line)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      state = 'cut'
      lines.forEach(drop)
    },
    stall() {
      state = 'stalled'
      lines.forEach(hold)
    },
    restore() {
      if (state === 'stalled') lines.forEach(flow)
      state = 'open'
    },
    strand() {
      lines.forEach(hold)
    },
    async close() {
      lines.forEach(drop)
      server.close()
      await once(server, 'close')
    },
  }
}

function flow({ client, upstream }: Line): void {
  client.pipe(upstream)
  upstream.pipe(client)
}

function hold({ client, upstream }: Line): void {
  client.unpipe(upstream).pause()
  upstream.unpipe(client).pause()
}

function drop({ client, upstream }: Line): void {
  client.destroy()
  upstream.destroy()
}

/** A proxy before the service that a URL names, and the URL by which it is reached. */
export async function proxyUrl(url: string, defaultPort: number): Promise<{ proxy: TcpProxy; url: string }> {
  const target = new URL(url)
  const proxy = await startTcpProxy({ host: target.hostname, port: Number(target.port || defaultPort) })
  target.host = `127.0.0.1:${proxy.port}`
  return { proxy, url: target.href }
}
