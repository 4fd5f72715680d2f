import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { aSession } from '../support/builders.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { type Listener, listen } from '../support/session-changes.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

const SUBSCRIPTION = JSON.stringify({ query: 'subscription { sessionChanged { kind } }' })

// The attack: event streams without end on one token, each of which holds a connection and a subscription.
describeGateway('the event streams of a token', () => {
  let atgate: TestGateway
  let token: string
  const listeners: Listener[] = []

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    token = (await aSession({ db: atgate.stores.database.prisma }, { kind: 'SDK' })).token
  })
  afterEach(() => {
    for (const listener of listeners.splice(0)) listener.close()
  })

  async function openStream(bearer = token): Promise<Listener> {
    const listener = await listen(createHttpBrowser(atgate.url), { authorization: `Bearer ${bearer}` })
    listeners.push(listener)
    return listener
  }
  const openStreams = (count: number) => Promise.all(Array.from({ length: count }, () => openStream()))
  const statuses = (opened: Listener[]) => [...new Set(opened.map(({ status }) => status))]

  /** Streams that end give their places back, a moment after their clients have gone. */
  const opensAgain = () =>
    eventually(async () => {
      const stream = await openStream()
      if (stream.status !== 200) stream.close()
      return stream.status === 200
    }, 'a stream opens again')

  it('are 20: the next is refused, and told when to come back', async () => {
    expect(statuses(await openStreams(20))).toEqual([200])
    const response = await fetch(`${atgate.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}` },
      body: SUBSCRIPTION,
    })
    expect(response.status).toBe(429)
    expect(response.headers.get('retry-after')).toBe('30')
    const text = await response.text()
    expect(text).toContain('"code":"RATE_LIMITED"')
    expect(text).toContain('"retryAfter":30')
    expect(text).toContain('This token has 20 event streams open.')
  })

  it('are counted for each token by itself', async () => {
    await openStreams(20)
    const other = await aSession({ db: atgate.stores.database.prisma }, { handle: 'bob.test', kind: 'SDK' })
    expect((await openStream(other.token)).status).toBe(200)
  })

  it('leave a place when one ends', async () => {
    const [first] = await openStreams(20)
    expect((await openStream()).status).toBe(429)
    first?.close()
    await opensAgain()
  })

  it('leave their places when clients go before the answer', async () => {
    for (let i = 0; i < 25; i++) {
      const gone = new AbortController()
      const asked = fetch(`${atgate.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}` },
        body: SUBSCRIPTION,
        signal: gone.signal,
      })
      setImmediate(() => gone.abort())
      await asked.then((response) => response.body?.cancel()).catch(() => undefined)
    }
    await opensAgain()
    expect(atgate.gateway.runtime.streams.open()).toBeLessThanOrEqual(20)
    for (const listener of listeners.splice(0)) listener.close()
    await eventually(async () => atgate.gateway.runtime.streams.open() === 0, 'every stream has ended')
  })

  it('take no place if the client accepts no stream', async () => {
    for (let i = 0; i < 21; i++) {
      const response = await fetch(`${atgate.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', authorization: `Bearer ${token}` },
        body: SUBSCRIPTION,
      })
      expect(response.status).toBe(406)
    }
    await eventually(async () => atgate.gateway.runtime.streams.open() === 0, 'every stream has ended')
  })
})
