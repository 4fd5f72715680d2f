import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakePds, signInAt, startFakePds } from '../support/fake-pds.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

const METHOD = '/xrpc/com.example.get'

// The attack: anybody may run the server of an account, and what it answers under /xrpc comes from the origin that has
// the session cookie of everybody else.
describeGateway('a hostile PDS', () => {
  let atgate: TestGateway
  let pds: FakePds
  let headers: Record<string, string>

  beforeAll(async () => {
    atgate = await startGateway()
    pds = await startFakePds()
    const { token } = await signInAt(atgate.gateway, pds)
    headers = { cookie: `atgate=${token}`, 'atgate-account': pds.did }
  })
  afterAll(async () => {
    await pds.close()
    await atgate.close()
  })
  beforeEach(() => {
    pds.requests.length = 0
  })

  const ask = () => request(atgate.url + METHOD, { headers })
  const answers = (write: (response: ServerResponse, seen: IncomingMessage) => void) =>
    pds.answer((seen, response) => write(response, seen))

  it.each([
    ['set-cookie', 'atgate=stolen; Path=/'],
    ['clear-site-data', '"*"'],
    ['location', 'https://evil.example'],
    ['refresh', '0;url=https://evil.example'],
    ['link', '<https://evil.example>; rel=preload'],
    ['access-control-allow-origin', 'https://evil.example'],
    ['service-worker-allowed', '/'],
    ['strict-transport-security', 'max-age=0'],
    ['www-authenticate', 'Basic realm="atgate"'],
    ['content-disposition', 'inline; filename=x.html'],
    ['sourcemap', '/evil'],
    ['nel', '{}'],
    ['alt-svc', 'h3="evil.example:443"'],
    ['atgate-error', 'UNAUTHENTICATED'],
    ['x-request-id', 'forged-request-id'],
    ['dpop-nonce', 'nonce'],
  ])('sends no %s to a browser', async (name, value) => {
    answers((response) => response.writeHead(200, { 'content-type': 'application/json', [name]: value }).end('{}'))
    const answer = await ask()
    await answer.body.dump()
    expect(answer.statusCode).toBe(200)
    expect(String(answer.headers[name] ?? '')).not.toContain(value)
  })

  it('does not replace the headers that confine its answers', async () => {
    const theirs = {
      'content-type': 'text/html',
      'content-security-policy': "default-src 'unsafe-inline'",
      'x-content-type-options': 'sniff',
      'cross-origin-resource-policy': 'cross-origin',
      'cache-control': 'public, max-age=31536000',
      'x-frame-options': 'ALLOWALL',
      'referrer-policy': 'unsafe-url',
    }
    answers((response) => response.writeHead(200, theirs).end('<script>'))
    const answer = await ask()
    await answer.body.dump()
    expect(answer.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment',
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    })
  })

  it.each([301, 302, 303, 304, 307, 308])(
    'redirects nobody by %i: neither the browser nor the gateway',
    async (status) => {
      answers((response) => response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end())
      const answer = await ask()
      expect([answer.statusCode, answer.headers.location]).toEqual([502, undefined])
      expect(await answer.body.json()).toMatchObject({ error: 'PDS_UNAVAILABLE' })
      expect(pds.requests).toHaveLength(1)
    },
  )

  it('has its compressed answers unpacked by the browser, not here', async () => {
    const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024))
    answers((response) =>
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb),
    )
    const answer = await ask()
    const received = Buffer.from(await answer.body.arrayBuffer())
    expect(answer.headers['content-encoding']).toBe('gzip')
    expect(received.equals(bomb)).toBe(true)
  })

  it('that answers without end fills no memory while nobody reads, and stops when the client goes', async () => {
    let sent = 0
    answers((response) => {
      const chunk = Buffer.alloc(64 * 1024)
      const write = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length
      }
      response.on('drain', write)
      write()
    })
    const answer = await ask()
    // It is held up: what it sends stops growing.
    let last = -1
    await eventually(async () => {
      const isStill = sent === last
      last = sent
      await new Promise((resolve) => setTimeout(resolve, 200))
      return isStill
    }, 'it is held up')
    expect(sent).toBeLessThan(30 * 1024 * 1024)
    answer.body.on('error', () => undefined).destroy()
    await eventually(
      async () => pds.connections.size === 0 || [...pds.connections].every((each) => each.destroyed),
      'it ends',
    )
  })

  describe('that speaks no HTTP', () => {
    /** Answers in the place of the fake server's HTTP, byte for byte. */
    async function answerRaw(bytes: string | Buffer): Promise<{ status: number; text: string | null }> {
      answers((_response, seen) => {
        const { socket } = seen
        socket.write(bytes)
      })
      const answer = await ask()
      const text = await answer.body.text().catch(() => null)
      return { status: answer.statusCode, text }
    }

    it.each([
      ['no status line', 'hello\r\n\r\n'],
      ['a status that is none', 'HTTP/1.1 999999 OK\r\n\r\n'],
      ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\n{}abc'],
      [
        'a length and chunks',
        'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
      ],
      ['headers without end', `HTTP/1.1 200 OK\r\n${'x: yyyyyyyy\r\n'.repeat(3000)}`],
      ['a header with a line break', 'HTTP/1.1 200 OK\r\nx: a\rset-cookie: b\r\n\r\n'],
    ])('but %s is away', async (_what, bytes) => {
      expect(await answerRaw(bytes)).toMatchObject({ status: 502, text: expect.stringContaining('PDS_UNAVAILABLE') })
    })

    it('and puts a second answer behind the first has it read by nobody', async () => {
      const first = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'
      const second = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged'
      expect(await answerRaw(first + second)).toEqual({ status: 200, text: '{}' })
      answers((response) => response.writeHead(200, { 'content-type': 'application/json' }).end('"mine"'))
      expect(await (await ask()).body.text()).toBe('"mine"')
    })

    const sendsLessThan = (length: string) =>
      answers((response) => {
        response.writeHead(200, { 'content-length': length }).write('{}')
        setImmediate(() => response.socket?.end())
      })

    it('and sends less than it says leaves the client with an error', async () => {
      sendsLessThan('10')
      const answer = await ask()
      expect([answer.statusCode, await answer.body.text()]).toEqual([502, expect.stringContaining('PDS_UNAVAILABLE')])
    })

    it('and sends less of something long than it says leaves the client with a broken answer', async () => {
      sendsLessThan('100000')
      const answer = await ask()
      expect(await answer.body.text().catch(() => 'broken')).toBe('broken')
    })
  })

  it('whose name leads into the gateway’s own network gets no request', async () => {
    const connections: Socket[] = []
    const inside = createServer((socket) => void connections.push(socket)).listen(0, '127.0.0.1')
    const strict = await startGateway({ ALLOW_INSECURE_PDS: 'off' }, atgate.stores)
    const address = inside.address()
    const port = typeof address === 'object' ? address?.port : 0
    for (const origin of [
      `https://127.0.0.1:${port}`,
      `https://[::1]:${port}`,
      `https://localhost:${port}`,
      pds.origin,
    ]) {
      const call = strict.gateway.atproto.pds.send(
        { held: await strict.gateway.atproto.grants.hold(await grantOf(origin)), replaceRefused: async () => null },
        {
          origin,
          method: 'GET',
          path: METHOD,
          headers: {},
          body: { kind: 'kept', bytes: null },
          signal: AbortSignal.timeout(10_000),
        },
      )
      await expect(call).rejects.toMatchObject({ code: 'PDS_UNAVAILABLE' })
    }
    await strict.stop()
    inside.close()
    expect(connections).toEqual([])
    expect(pds.requests).toEqual([])
  })

  async function grantOf(origin: string): Promise<string> {
    const { session } = await signInAt(atgate.gateway, { origin, did: pds.did }, { kind: 'SDK' })
    return session.grantId
  }
})
