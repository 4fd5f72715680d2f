import type { IncomingMessage } from 'node:http'
import fastify from 'fastify'
import { expect, it } from 'vitest'
import { requestLog } from '../../src/http/request-log.ts'
import { createLogger } from '../../src/platform/logger.ts'

it('says of a request how long it took, with what was done before Fastify had it', async () => {
  const lines: string[] = []
  const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
  const msBefore = ({ url }: IncomingMessage) => (url === '/late' ? 3000 : 0)
  const server = fastify()
  server.addHook('onResponse', requestLog(logger, msBefore))
  server.get('/soon', () => 'answer')
  server.get('/late', () => 'answer')
  for (const url of ['/soon', '/late']) await server.inject(url)
  const [soon, late] = lines.map((line) => JSON.parse(line))
  expect(soon).toMatchObject({ msg: 'request', method: 'GET', route: '/soon', status: 200 })
  expect(soon.ms).toBeLessThan(3000)
  expect(late.ms).toBeGreaterThanOrEqual(3000)
})
