import fastify from 'fastify'
import { expect, it } from 'vitest'
import { inOrder } from '../../src/http/checks.ts'
import { GatewayError } from '../../src/platform/errors.ts'

it('runs checks in their order, up to the first that refuses', async () => {
  const ran: string[] = []
  const server = fastify()
  server.addHook(
    'onRequest',
    inOrder(
      (_request, reply) => void reply.header('x-first', 'set'),
      ({ url }) => {
        ran.push('second')
        if (url === '/refused') throw new GatewayError('FORBIDDEN', 'Not here.')
      },
      () => void ran.push('third'),
    ),
  )
  server.get('/*', async () => 'answered')
  const refused = await server.inject('/refused')
  expect([refused.json().message, refused.headers['x-first'], ran]).toEqual(['Not here.', 'set', ['second']])
  const answered = await server.inject('/')
  expect([answered.body, ran]).toEqual(['answered', ['second', 'second', 'third']])
})
