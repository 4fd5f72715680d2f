import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createSafeFetch } from '../../src/atproto/safe-fetch.ts'

const KIB = 1024

/** How the server of this test answers, by path. */
const ANSWERS: Record<string, (response: ServerResponse) => void> = {
  '/silent': () => undefined,
  '/stalled': (response) => void response.write('begun'),
  '/512-KiB': (response) => void response.end(Buffer.alloc(512 * KIB)),
  '/more': (response) => void response.end(Buffer.alloc(512 * KIB + 1)),
  '/more-in-chunks': (response) => {
    response.write(Buffer.alloc(512 * KIB))
    response.end('x')
  },
  '/11-bytes': (response) => void response.end('hello there'),
}

let server: Server

beforeAll(async () => {
  server = createServer((request, response) => ANSWERS[request.url ?? '']?.(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
})

const at = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`

describe('a safe fetch', () => {
  it.each(['/silent', '/stalled'])('gives a server up that takes too long: %s', { timeout: 5000 }, async (path) => {
    const safeFetch = createSafeFetch({ allowInsecure: true, timeoutMs: 100 })
    await expect(safeFetch(at(path)).then((response) => response.text())).rejects.toThrow()
  })

  it('waits ten seconds, and no longer, for a server that never answers', async () => {
    // Timers of other kinds go on: the request really is on its way.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const asked = once(server, 'request')
      const answer = createSafeFetch({ allowInsecure: true })(at('/silent'))
      let outcome = 'waiting'
      const settled = answer.catch(() => {
        outcome = 'given up'
      })
      await asked
      await vi.advanceTimersByTimeAsync(9999)
      expect(outcome).toBe('waiting')
      await vi.advanceTimersByTimeAsync(1)
      await settled
      expect(outcome).toBe('given up')
    } finally {
      vi.useRealTimers()
    }
  })

  it('reads 512 KiB', async () => {
    const response = await createSafeFetch({ allowInsecure: true })(at('/512-KiB'))
    expect(await response.arrayBuffer()).toHaveProperty('byteLength', 512 * KIB)
  })

  it.each(['/more', '/more-in-chunks'])('refuses to read more than 512 KiB: %s', async (path) => {
    const answer = createSafeFetch({ allowInsecure: true })(at(path))
    await expect(answer.then((response) => response.arrayBuffer())).rejects.toThrow()
  })

  it('reads no more than it is told to', async () => {
    const read = async (maxResponseBytes: number) =>
      (await createSafeFetch({ allowInsecure: true, maxResponseBytes })(at('/11-bytes'))).text()
    expect(await read(11)).toBe('hello there')
    await expect(read(10)).rejects.toThrow()
  })

  it.each(['http://127.0.0.1', 'https://127.0.0.1', 'https://[::ffff:127.0.0.1]', 'https://localhost'])(
    'outside the sandbox connects to nothing on this machine: %s',
    async (origin) => {
      const connected = vi.fn()
      server.on('connection', connected)
      const { port } = server.address() as AddressInfo
      await expect(createSafeFetch({ allowInsecure: false })(`${origin}:${port}/11-bytes`)).rejects.toThrow()
      expect(connected).not.toHaveBeenCalled()
    },
  )
})
