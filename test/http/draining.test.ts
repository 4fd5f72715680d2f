import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Environment } from '../../src/config/config.ts'
import { aSession } from '../support/builders.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { getRequest, openConnection, type RawConnection } from '../support/raw-connection.ts'
import { openStores, type Stores } from '../support/stores.ts'

// Where nothing may be waited for, requests have four minutes: a close that waits for them outlasts its test.
const PATIENT = { SHUTDOWN_SECONDS: '600' }
const HURRIED = { SHUTDOWN_SECONDS: '1' }

const METADATA = getRequest('/oauth-client-metadata.json')
const START = getRequest('/auth/start?handle=alice.test')
const HALF_SENT =
  'POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"query":'

describe('a gateway that ends', () => {
  let stores: Stores
  let atgate: TestGateway
  const connections: RawConnection[] = []

  beforeAll(async () => {
    stores = await openStores()
  })
  afterAll(() => stores.close())
  afterEach(async () => {
    for (const connection of connections.splice(0)) connection.destroy()
    await atgate.stop()
  })

  async function start(env: Environment = PATIENT): Promise<void> {
    atgate = await startGateway(env, stores)
  }

  async function open(): Promise<RawConnection> {
    const connection = await openConnection(atgate.url)
    connections.push(connection)
    return connection
  }

  const refusesConnections = () =>
    expect
      .poll(() =>
        openConnection(atgate.url).then(
          (connection) => connection.destroy(),
          (error: NodeJS.ErrnoException) => error.code,
        ),
      )
      .toBe('ECONNREFUSED')

  /** A request that is under way, on a connection of its own, until it is let go. */
  async function holdRequest() {
    const { ephemeral } = stores
    const { ping } = ephemeral
    const asked = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    ephemeral.ping = async () => {
      ephemeral.ping = ping
      asked.resolve()
      await released.promise
    }
    const connection = await open()
    connection.send(START)
    await asked.promise
    return { connection, release: () => released.resolve() }
  }

  it('does not wait for a connection on which nothing was sent', async () => {
    await start()
    const silent = await open()
    await atgate.stop()
    expect(await silent.isClosed()).toBe('')
  })

  it('does not wait for headers that do not come to an end', async () => {
    await start()
    const slow = await open()
    slow.send('GET / HTTP/1.1\r\nhost:')
    await atgate.stop()
    await slow.isClosed()
  })

  it('does not wait for a body that does not arrive: its client is told to come back', async () => {
    await start()
    const slow = await open()
    slow.send(HALF_SENT)
    await atgate.stop()
    const answer = await slow.isClosed()
    expect(answer).toMatch(/^HTTP\/1.1 503 /)
    expect(answer.toLowerCase()).toContain('\r\nretry-after: 5\r\n')
    expect(answer.toLowerCase()).toContain('\r\nconnection: close\r\n')
    expect(answer).toContain('"error":"SERVICE_UNAVAILABLE"')
  })

  it('does not wait for a connection that is kept for the next request', async () => {
    await start()
    const kept = await open()
    kept.send(METADATA)
    expect(await kept.receives('application_type')).toContain('Connection: keep-alive')
    await atgate.stop()
    await kept.isClosed()
  })

  it('finishes the request under way on a connection that is kept, and closes it', async () => {
    await start()
    const { connection, release } = await holdRequest()
    const stopped = atgate.stop()
    await refusesConnections()
    expect(connection.hasClosed()).toBe(false)
    release()
    const answer = await connection.isClosed()
    expect(answer).toMatch(/^HTTP\/1.1 200 /)
    expect(answer.toLowerCase()).toContain('\r\nconnection: close\r\n')
    expect(answer).toContain('"authUrl":"http')
    await stopped
  })

  it('begins nothing new: 503 with a code, when to come back, and where the connection ends', async () => {
    await start()
    const silent = await open()
    const { release } = await holdRequest()
    const stopped = atgate.stop()
    await refusesConnections()
    silent.send(METADATA)
    const answer = await silent.isClosed()
    expect(answer).toMatch(/^HTTP\/1.1 503 /)
    expect(answer.toLowerCase()).toContain('\r\nretry-after: 5\r\n')
    expect(answer.toLowerCase()).toContain('\r\nconnection: close\r\n')
    expect(answer).toContain('{"error":"SERVICE_UNAVAILABLE","message":"The gateway is shutting down.')
    release()
    await stopped
  })

  it('tells frontends on other origins as well', async () => {
    await start({ ...PATIENT, CORS_ORIGINS: 'https://app.example.com' })
    const silent = await open()
    const { release } = await holdRequest()
    const stopped = atgate.stop()
    await refusesConnections()
    silent.send(getRequest('/oauth-client-metadata.json', 'origin: https://app.example.com\r\n'))
    expect(await silent.isClosed()).toMatch(/^HTTP\/1.1 503 .*access-control-allow-origin: https:\/\/app.example.com/s)
    release()
    await stopped
  })

  it('cuts off what takes longer than the time that it has, and says so', async () => {
    await start(HURRIED)
    const { connection } = await holdRequest()
    await atgate.stop()
    expect(await connection.isClosed()).toBe('')
    expect(atgate.logLines.filter((line) => line.includes('"requests":1') && line.includes('cut off'))).toHaveLength(1)
  })

  it('does not wait for an authorization server that does not answer a revocation', async () => {
    await start(HURRIED)
    const { grants, revocations } = atgate.gateway.atproto
    const asked = Promise.withResolvers<void>()
    grants.revoke = () => {
      asked.resolve()
      return new Promise(() => undefined)
    }
    grants.due.claim = async (id) => ({
      id,
      issuer: 'https://pds.test',
      attempts: 0,
      hasExpired: false,
      isTriedOut: false,
    })
    revocations.revokeSoon('a grant')
    await asked.promise
    await atgate.stop()
  })

  it('tells event streams what happened before it ends them, and does not wait for those that nobody reads', async () => {
    await start()
    const { token } = await aSession({ db: stores.database.prisma }, { kind: 'SDK' })
    const streams = await Promise.all([1, 2].map(open))
    const body = JSON.stringify({ query: 'subscription { sessionChanged { kind } }' })
    for (const stream of streams) {
      stream.send(
        `POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: text/event-stream\r\n` +
          `authorization: Bearer ${token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      )
      await stream.receives(':\n\n')
    }
    const [read, unread] = streams
    unread?.pause()
    const { groupId } = await stores.database.prisma.session.findFirstOrThrow({ orderBy: { createdAt: 'desc' } })
    await stores.ephemeral.publish(`session-group:${groupId}`, 'ACCOUNT_ADDED')
    await atgate.stop()
    expect(await read?.isClosed()).toMatch(/"kind":"ACCOUNT_ADDED".*event: complete/s)
    // Whoever takes over a response from Fastify must not lose its line in the log.
    expect(atgate.logLines.filter((line) => line.includes('"route":"/graphql","status":200'))).not.toEqual([])
  })

  it('says first that it is not ready, and answers as before, over connections that end', async () => {
    await start()
    const [kept, { connection, release }] = [await open(), await holdRequest()]
    kept.send(METADATA)
    expect(await kept.receives('application_type')).toContain('Connection: keep-alive')
    atgate.leave()
    const readiness = await fetch(`${atgate.url}/readyz`)
    expect(readiness.status).toBe(503)
    expect(readiness.headers.get('connection')).toBe('close')
    expect(await readiness.json()).toEqual({ error: 'SERVICE_UNAVAILABLE', message: 'The gateway is shutting down.' })
    expect((await fetch(`${atgate.url}/healthz`)).status).toBe(200)
    kept.send(METADATA)
    expect(await kept.isClosed()).toMatch(/HTTP\/1.1 200 .*HTTP\/1.1 200 .*\r\nconnection: close\r\n/is)
    const late = await fetch(`${atgate.url}/oauth-client-metadata.json`)
    expect([late.status, late.headers.get('connection')]).toEqual([200, 'close'])
    release()
    expect(await connection.isClosed()).toMatch(/^HTTP\/1.1 200 .*\r\nconnection: close\r\n/is)
  })
})
