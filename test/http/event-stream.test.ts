import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createEventStreams } from '../../src/http/event-stream.ts'
import { PushedEvents } from '../../src/platform/pushed-events.ts'
import { getRequest, openConnection, type RawConnection } from '../support/raw-connection.ts'

const EVERY = 120
const text = { dataOf: (result: string) => result, failureOf: (error: unknown) => `failed: ${String(error)}` }

let server: FastifyInstance
let opened: { events: PushedEvents<string>; raw: ServerResponse }[]
let connections: RawConnection[]

beforeEach(async () => {
  opened = []
  connections = []
  server = fastify()
  const streams = createEventStreams({ commentsEvery: EVERY })
  server.get('/', (_request, reply) => {
    const events = new PushedEvents<string>(() => undefined)
    reply.raw.once('close', () => events.end())
    opened.push({ events, raw: reply.raw })
    reply.header('content-type', 'text/event-stream')
    return streams.send(reply, events, text)
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(async () => {
  for (const connection of connections) connection.destroy()
  await server.close()
})

async function open() {
  const connection = await openConnection(server.listeningOrigin)
  connections.push(connection)
  connection.send(getRequest('/'))
  const head = await connection.receives(':\n\n')
  const last = opened.at(-1)
  if (last === undefined) throw new Error('nothing was opened')
  return { connection, head, ...last }
}

const count = (all: string, part: string) => all.split(part).length - 1

it('sends the head and a comment at once, then each result as an event, and `complete` at the end', async () => {
  const { connection, events, head } = await open()
  expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n/)
  expect(head.toLowerCase()).toContain('\r\ncontent-type: text/event-stream\r\n')
  expect(head.toLowerCase()).toContain('\r\nconnection: close\r\n')
  expect(head.toLowerCase()).toContain('\r\nx-accel-buffering: no\r\n')
  events.push('{"data":1}')
  events.push('{"data":2}')
  events.end()
  const all = await connection.isClosed()
  expect(all).toMatch(
    /event: next\ndata: \{"data":1\}\n\n.*event: next\ndata: \{"data":2\}\n\n.*event: complete\ndata:\n\n/s,
  )
})

it('sends a failure as the last event', async () => {
  const { connection, events } = await open()
  events.push('one')
  events.fail('broken')
  expect(await connection.isClosed()).toMatch(/data: one\n\n.*event: next\ndata: failed: broken\n\n.*event: complete/s)
})

it('ends when its client goes', async () => {
  const { connection, events } = await open()
  const ended = events.next()
  connection.destroy()
  expect(await ended).toEqual({ value: undefined, done: true })
})

it('has a comment once in a while, as long as it is open, and so have the others', async () => {
  const first = await open()
  const second = await open()
  for (const { connection } of [first, second]) {
    await expect.poll(async () => count(await connection.receives(':'), ':\n\n')).toBeGreaterThanOrEqual(4)
  }
  second.connection.destroy()
  const before = count(await first.connection.receives(':'), ':\n\n')
  await expect.poll(async () => count(await first.connection.receives(':'), ':\n\n')).toBeGreaterThan(before + 2)
})

it('waits for a client that does not read, and ends with it', async () => {
  const { connection, events, raw } = await open()
  connection.pause()
  const large = 'x'.repeat(1024 * 1024)
  for (let times = 0; times < 50; times++) events.push(large)
  await expect.poll(() => raw.writableNeedDrain).toBe(true)
  expect(raw.writableLength).toBeLessThan(3 * large.length)
  const closed = once(raw, 'close')
  connection.destroy()
  await closed
  expect(events.isOver).toBe(true)
})
