import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Rolldown } from 'vite'
import { vi } from 'vitest'

/** One frontend, at several origins. */
export type Sites = {
  origins: readonly string[]
  /**
   * Builds `examples/<example>` for a gateway, as `VITE_GATEWAY_URL=… npx vite build examples/<example>` does, and
   * serves it from now on.
   */
  serve(example: string, gatewayUrl: string): Promise<void>
  close(): Promise<void>
}

const CONTENT_TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' }

/** Takes as many origins as asked for. Until something is served there, they answer with 404. */
export async function openSites(count: number): Promise<Sites> {
  let files = new Map<string, string | Uint8Array>()
  const servers = await Promise.all(
    Array.from({ length: count }, () =>
      listen(({ url = '/' }, response) => {
        const { pathname } = new URL(url, 'http://127.0.0.1')
        const path = pathname === '/' ? '/index.html' : pathname
        const contentType = CONTENT_TYPES[extname(path)] ?? 'application/octet-stream'
        response.writeHead(files.has(path) ? 200 : 404, { 'content-type': contentType })
        response.end(files.get(path))
      }),
    ),
  )
  return {
    origins: servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async serve(example, gatewayUrl) {
      files = await buildExample(example, gatewayUrl)
    },
    async close() {
      for (const server of servers) {
        server.close()
        server.closeAllConnections()
        await once(server, 'close')
      }
    },
  }
}

async function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  // Where the suite is skipped, nobody closes it.
  return server.unref()
}

async function buildExample(example: string, gatewayUrl: string): Promise<Map<string, string | Uint8Array>> {
  vi.stubEnv('VITE_GATEWAY_URL', gatewayUrl)
  vi.stubEnv('NODE_ENV', 'production')
  const root = fileURLToPath(new URL(`../../examples/${example}`, import.meta.url))
  const { output } = (await build({ root, logLevel: 'warn', build: { write: false } })) as Rolldown.RolldownOutput
  vi.unstubAllEnvs()
  return new Map(output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source]))
}
