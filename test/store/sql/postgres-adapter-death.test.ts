import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createPostgresAdapter } from '../../../src/store/sql/postgres-adapter.ts'

/** A message of PostgreSQL's protocol: its type, its length, its content. */
function message(type: string, content: string | Buffer): Buffer {
  const body = Buffer.from(content)
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(type), length, body])
}

const AUTHENTICATED = message('R', Buffer.alloc(4))
const READY = message('Z', 'I')
const TERMINATED = message('E', 'SFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0')

let server: Server
beforeAll(async () => {
  // Each connection is ready and dead within one packet, as when the postmaster is killed at that moment.
  server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, TERMINATED])))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => server.close())

// Vitest reports an error that nothing catches, which ends the process of a gateway.
it.each(['startTransaction', 'queryRaw'] as const)(
  'a connection that dies as it is handed out to %s fails that alone',
  async (operation) => {
    const { port } = server.address() as AddressInfo
    const adapter = createPostgresAdapter({ host: '127.0.0.1', port, user: 'test', password: '', ssl: false })
    const connection = await adapter.connect()
    const work =
      operation === 'queryRaw'
        ? connection.queryRaw({ sql: 'SELECT 1', args: [], argTypes: [] })
        : connection.startTransaction()
    await expect(work).rejects.toThrow()
    await connection.dispose()
  },
)
