import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate, setInterval } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { CONNECTION_LIMITS } from '../../src/http/connections.ts'
import { aSession } from '../support/builders.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

const LIMITS = { headers: 300, request: 600, betweenRequests: 300, silence: 1000, checks: 50, connections: 1000 }

const BODY = JSON.stringify({ query: '{ __typename }' })
const POST = `POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n`

// The attack: connections that do nothing, or as little as possible, until the gateway has no place for others.
describeGateway('a connection that only holds a place', () => {
  let atgate: TestGateway
  const sockets: Socket[] = []

  beforeAll(async () => {
    atgate = await startGateway({}, undefined, LIMITS)
  })
  afterAll(() => atgate.close())
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy()
  })

  async function open(url = atgate.url): Promise<Socket> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
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
    await Promise.all(Array.from({ length: 200 }, async () => isClosed(await open())))
  })

  it('with headers that come slowly is closed', async () => {
    const socket = await open()
    const dripping = drip(socket, `GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(1000)}`)
    await isClosed(socket)
    await dripping
  })

  it('with a body that comes slowly is closed, with 100 others', async () => {
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const socket = await open()
        socket.write(
          `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n`,
        )
        const dripping = drip(socket, ' '.repeat(9999))
        await isClosed(socket)
        await dripping
      }),
    )
  })

  it('after a request is closed', async () => {
    const socket = await open()
    socket.write(`${POST}\r\n${BODY}`)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200 /)
    await isClosed(socket)
  })

  it('and reads no answer is closed', async () => {
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
    const small = await startGateway({}, undefined, { ...CONNECTION_LIMITS, connections: 5 })
    const held = await Promise.all(Array.from({ length: 5 }, () => open(small.url)))
    await isClosed(await open(small.url))
    expect(held.filter((socket) => socket.closed)).toEqual([])
    expect(small.logLines.join('\n')).toContain('there are too many')
    for (const socket of held) socket.destroy()
    await small.close()
  })

  it('is not one whose request comes in pieces', async () => {
    const socket = await open()
    const answer = once(socket, 'data') as Promise<[Buffer]>
    for (const piece of [POST.slice(0, 20), POST.slice(20), `\r\n${BODY.slice(0, 5)}`, BODY.slice(5)]) {
      socket.write(piece)
      await setImmediate()
    }
    expect((await answer).toString()).toMatch(/^HTTP\/1.1 200 /)
  })

  it('is not an event stream: it outlives all these times, because comments keep it alive', async () => {
    const { token } = await aSession({ db: atgate.stores.database.prisma }, { kind: 'SDK' })
    const gone = new AbortController()
    const response = await fetch(`${atgate.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: 'subscription { sessionChanged { kind } }' }),
      signal: gone.signal,
    })
    // One comes every 300 ms, as Yoga does it in tests.
    let comments = 0
    for await (const comment of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      expect(comment).toBe(':\n\n')
      comments++
      if (comments === 8) break
    }
    expect(comments).toBe(8)
    gone.abort()
  })

  it('has less time than a minute, but for an answer, and phones have enough', () => {
    const { headers, request, checks, betweenRequests } = CONNECTION_LIMITS
    expect(headers).toBeLessThan(request)
    expect(request + checks).toBeLessThan(60_000)
    // Over 60 seconds, or nginx sends a request into a connection that closes.
    expect(betweenRequests).toBeGreaterThan(60_000)
  })
})
