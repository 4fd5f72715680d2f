import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate, setInterval } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { CONNECTION_LIMITS, type ConnectionLimits } from '../../src/http/connections.ts'
import { aSession } from '../support/builders.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { openStores, type Stores } from '../support/stores.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

/** Short enough to wait for. Each test shortens one limit alone, so that no other one does its work. */
const SHORT = 400

const BODY = JSON.stringify({ query: '{ __typename }' })
const POST = `POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n`

// The attack: connections that do nothing, or as little as possible, until the gateway has no place for others.
describeGateway('a connection that only holds a place', () => {
  let stores: Stores
  let atgate: TestGateway
  const sockets: Socket[] = []

  beforeAll(async () => {
    stores = await openStores()
  })
  afterAll(() => stores.close())
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await atgate.stop()
  })

  async function start(limits: Partial<ConnectionLimits>): Promise<void> {
    atgate = await startGateway({}, stores, { ...CONNECTION_LIMITS, checks: 50, ...limits })
  }

  async function open(): Promise<Socket> {
    const socket = connect(Number(new URL(atgate.url).port), '127.0.0.1')
    // A reset is a way to be closed.
    socket.on('error', () => undefined)
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }

  async function isClosed(socket: Socket): Promise<void> {
    socket.resume()
    // Not `once`, which rejects when the connection is reset.
    if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  }

  /** Sends one character after another, so that the connection is never silent. */
  async function drip(socket: Socket, text: string): Promise<void> {
    let sent = 0
    for await (const _tick of setInterval(20)) {
      if (socket.closed || sent === text.length) return
      socket.write(text[sent++] ?? '')
    }
  }

  it('in silence is closed, with 200 others', async () => {
    await start({ headers: SHORT })
    await Promise.all(Array.from({ length: 200 }, async () => isClosed(await open())))
  })

  it('with headers that come slowly is closed', async () => {
    await start({ headers: SHORT })
    const socket = await open()
    const dripping = drip(socket, `GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(1000)}`)
    await isClosed(socket)
    await dripping
  })

  it.each([
    ['of a length', 'content-length: 9999', ''],
    ['in chunks', 'transfer-encoding: chunked', '270f\r\n'],
  ])('with a body %s that comes slowly is closed, with 30 others', async (_, header, chunk) => {
    await start({ request: SHORT })
    await Promise.all(
      Array.from({ length: 30 }, async () => {
        const socket = await open()
        socket.write(`POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${header}\r\n\r\n${chunk}`)
        const dripping = drip(socket, ' '.repeat(9999))
        await isClosed(socket)
        await dripping
      }),
    )
  })

  it('after a request is closed', async () => {
    await start({ betweenRequests: SHORT })
    const socket = await open()
    socket.write(`${POST}\r\n${BODY}`)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200 /)
    await isClosed(socket)
  })

  it('and reads no answer is closed', async () => {
    await start({ silence: SHORT })
    const socket = await open()
    socket.pause()
    // The largest answer that there is, so that it does not fit into what the operating system keeps for the client.
    for (let i = 0; i < 5; i++) socket.write('GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/html\r\n\r\n')
    await eventually(
      async () => (await atgate.connections()) > 0,
      () => 'it opens',
    )
    await eventually(
      async () => (await atgate.connections()) === 0,
      () => 'it closes',
    )
  })

  it('over the bound is refused at once, and those before it are not', async () => {
    await start({ connections: 5 })
    const held = await Promise.all(Array.from({ length: 5 }, open))
    await isClosed(await open())
    expect(held.filter((socket) => socket.closed)).toEqual([])
    expect(atgate.logLines.join('\n')).toContain('there are too many')
  })

  it('is not one whose request comes in pieces', async () => {
    await start({})
    const socket = await open()
    const answer = once(socket, 'data') as Promise<[Buffer]>
    for (const piece of [POST.slice(0, 20), POST.slice(20), `\r\n${BODY.slice(0, 5)}`, BODY.slice(5)]) {
      socket.write(piece)
      await setImmediate()
    }
    expect((await answer).toString()).toMatch(/^HTTP\/1.1 200 /)
  })

  it('is not an event stream: it outlives all these times, because comments keep it alive', async () => {
    await start({ headers: SHORT, request: SHORT, betweenRequests: SHORT, silence: 4 * SHORT, comments: 300 })
    const { token } = await aSession({ db: stores.database.prisma }, { kind: 'SDK' })
    const gone = new AbortController()
    const response = await fetch(`${atgate.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: 'subscription { sessionChanged { kind } }' }),
      signal: gone.signal,
    })
    let comments = 0
    for await (const comment of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      expect(comment).toBe(':\n\n')
      comments++
      if (comments === 8) break
    }
    expect(comments).toBe(8)
    gone.abort()
  })
})

it('a request has less than a minute, and connections outlive those of proxies', () => {
  expect(CONNECTION_LIMITS.headers).toBeLessThan(CONNECTION_LIMITS.request)
  expect(CONNECTION_LIMITS.request + CONNECTION_LIMITS.checks).toBeLessThan(60_000)
  expect(CONNECTION_LIMITS.betweenRequests).toBeGreaterThan(60_000)
})
