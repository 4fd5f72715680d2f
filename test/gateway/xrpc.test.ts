import { Agent, AtpAgent } from '@atproto/api'
import { Client, type DidString } from '@atproto/lex'
import { request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { avatarPng } from '../../src/sandbox/avatar.ts'
import { type AppView, startAppView } from '../support/app-view.ts'
import { createDeveloperToken } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { askAuthorizationServer, openGrant, replaceTokenSet } from '../support/grants.ts'
import { collectGarbage } from '../support/held-memory.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { signIn } from '../support/sign-in.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { describeGateway } from '../support/suite.ts'

const AUDIENCE = 'did:web:video.example'
const NOTE = 'com.example.note'
const MINUTE = 60_000
const MB = 1024 * 1024

/** `--mode full` sends as much as people do; the rest of the time it is enough to tell streaming from collecting. */
const IS_FULL = (import.meta as { env?: { MODE?: string } }).env?.MODE === 'full'
const SIZE = (IS_FULL ? 50 : 20) * MB
const LOOKED_AT_EVERY = 4 * MB
const LARGEST_GROWTH = 0.6 * SIZE

describeGateway('XRPC through the gateway to a real PDS', () => {
  let atgate: TestGateway
  let view: AppView
  let browser: HttpBrowser
  let did: DidString
  let grantId: string

  beforeAll(async () => {
    atgate = await startGateway({ OAUTH_SCOPE: 'atproto transition:generic', SERVICE_AUTH_AUDIENCES: AUDIENCE })
    view = await startAppView()
  })
  afterAll(async () => {
    view.close()
    await atgate.close()
  })
  beforeEach(async () => {
    view.requests.length = 0
    browser = createHttpBrowser(atgate.url)
    const { session, account } = await signIn(browser, 'alice.test')
    did = account.did as DidString
    grantId = (await db().session.findUniqueOrThrow({ where: { id: session.id } })).grantId
  })

  const db = () => atgate.stores.database.prisma
  const grant = () => db().grant.findUniqueOrThrow({ where: { id: grantId } })

  /** As a page of the gateway's own origin calls. */
  const byCookie = (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers)
    headers.set('atgate-account', did)
    // What a browser would not send twice: the body of a Request is a stream.
    return browser.send(path, { ...init, headers, ...(init.body instanceof ReadableStream ? { duplex: 'half' } : {}) })
  }
  const byBearer =
    (token: string) =>
    (path: string, init: RequestInit = {}) => {
      const headers = new Headers(init.headers)
      headers.set('authorization', `Bearer ${token}`)
      return fetch(new URL(path, atgate.url), { ...init, headers })
    }
  const post = (nsid: string, body: object) =>
    byCookie(`/xrpc/${nsid}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const jsonOf = async (response: Response) => (await response.json()) as Record<string, unknown>

  it('writes records and reads them', async () => {
    const record = { $type: NOTE, text: 'Grüße 👋', createdAt: new Date().toISOString() }
    const created = await jsonOf(await post('com.atproto.repo.createRecord', { repo: did, collection: NOTE, record }))
    const rkey = String(created.uri).split('/').at(-1) ?? ''
    const query = new URLSearchParams({ repo: did, collection: NOTE })
    const read = await byCookie(`/xrpc/com.atproto.repo.getRecord?${query}&rkey=${rkey}`)
    expect(await read.json()).toMatchObject({ uri: created.uri, value: record })
    const list = await jsonOf(await byCookie(`/xrpc/com.atproto.repo.listRecords?${query}&limit=5`))
    expect(list.records).toContainEqual(expect.objectContaining({ uri: created.uri }))
    const head = await byCookie(`/xrpc/com.atproto.repo.getRecord?${query}&rkey=${rkey}`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  it('uploads a picture and gets it back, as nothing but a picture', async () => {
    const picture = avatarPng([1, 2, 3])
    const uploaded = await byCookie('/xrpc/com.atproto.repo.uploadBlob', {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: Buffer.from(picture),
    })
    const { blob } = (await uploaded.json()) as { blob: { ref: { $link: string } } }
    const record = { $type: NOTE, picture: blob }
    await post('com.atproto.repo.createRecord', { repo: did, collection: NOTE, record })
    const query = new URLSearchParams({ did, cid: blob.ref.$link })
    const got = await byCookie(`/xrpc/com.atproto.sync.getBlob?${query}`)
    expect(Buffer.from(await got.arrayBuffer()).equals(picture)).toBe(true)
    expect(Object.fromEntries(got.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-disposition': 'attachment',
      'content-security-policy': "default-src 'none'; sandbox",
    })
    // What the PDS itself sends beside it stays here.
    for (const name of ['dpop-nonce', 'x-powered-by', 'access-control-allow-origin']) {
      expect(got.headers.get(name)).toBeNull()
    }
  })

  it('passes what the PDS refuses on as it is', async () => {
    const limited = await startGateway({}, atgate.stores)
    const visitor = createHttpBrowser(limited.url)
    const { account } = await signIn(visitor, 'bob.test')
    const refused = await visitor.send('/xrpc/com.atproto.repo.createRecord', {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: limited.url },
      body: JSON.stringify({ repo: account.did, collection: NOTE, record: { $type: NOTE } }),
    })
    await limited.stop()
    expect([refused.status, refused.headers.get('atgate-error')]).toEqual([403, null])
    expect(await refused.json()).toMatchObject({ error: 'ScopeMissingError' })
  })

  it('reaches another service through the PDS, which says who asks', async () => {
    const headers = { 'atproto-proxy': `${view.did}#view`, 'accept-language': 'de' }
    expect((await byCookie('/xrpc/com.example.view?a=1', { headers })).status).toBe(200)
    const [seen] = view.requests
    expect([seen?.url, seen?.headers['accept-language']]).toEqual(['/xrpc/com.example.view?a=1', 'de'])
    expect(view.claimsOf(seen)).toMatchObject({ iss: did, aud: view.did, lxm: 'com.example.view' })
    expect(seen?.headers.cookie).toBeUndefined()
  })

  it('makes bytes of a page that comes through the PDS', async () => {
    view.answer((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<script>alert(1)</script>'),
    )
    const answer = await byCookie('/xrpc/com.example.view', { headers: { 'atproto-proxy': `${view.did}#view` } })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/octet-stream'])
    expect(answer.headers.get('content-disposition')).toBe('attachment')
  })

  it('gives page script a service token for a minute and one method, and a developer token any', async () => {
    const token = await createDeveloperToken(browser, { as: 'alice.test' })
    const ask = (send: typeof byCookie, query: Record<string, string>) =>
      send(`/xrpc/com.atproto.server.getServiceAuth?${new URLSearchParams(query)}`)
    const given = await jsonOf(await ask(byCookie, { aud: AUDIENCE, lxm: 'com.example.upload' }))
    const claims = JSON.parse(Buffer.from(String(given.token).split('.')[1] ?? '', 'base64url').toString())
    expect(claims).toMatchObject({ iss: did, aud: AUDIENCE, lxm: 'com.example.upload' })
    expect(claims.exp * 1000 - Date.now()).toBeLessThanOrEqual(MINUTE)
    const other = { aud: 'did:web:other.example', lxm: 'com.example.upload' }
    expect((await ask(byCookie, other)).status).toBe(403)
    expect((await ask(byBearer(token), other)).status).toBe(200)
  })

  describe('with the clients that people use, unchanged', () => {
    const record = { $type: NOTE, text: 'hello' }

    async function useApi(agent: Agent): Promise<void> {
      const { data } = await agent.com.atproto.repo.createRecord({ repo: did, collection: NOTE, record })
      const rkey = data.uri.split('/').at(-1) ?? ''
      const read = await agent.com.atproto.repo.getRecord({ repo: did, collection: NOTE, rkey })
      expect(read.data.value).toEqual(record)
      const picture = await agent.uploadBlob(avatarPng([4, 5, 6]), { encoding: 'image/png' })
      expect(picture.data.blob.mimeType).toBe('image/png')
      const writes = [{ $type: 'com.atproto.repo.applyWrites#delete', collection: NOTE, rkey }]
      await agent.com.atproto.repo.applyWrites({ repo: did, writes: writes as never })
      await expect(agent.com.atproto.repo.getRecord({ repo: did, collection: NOTE, rkey })).rejects.toMatchObject({
        error: 'RecordNotFound',
      })
      expect((await agent.com.atproto.server.getSession()).data.did).toBe(did)
    }

    it('@atproto/api, by cookie and by bearer', async () => {
      const token = await createDeveloperToken(browser, { as: 'alice.test' })
      for (const send of [byCookie, byBearer(token)]) {
        await useApi(new Agent({ did, fetchHandler: (path, init) => send(path, init) }))
      }
    })

    it('an AtpAgent, which cannot log in through it', async () => {
      const fetchByCookie = (url: string | URL | Request, init?: RequestInit) => {
        const { pathname, search } = new URL(url instanceof Request ? url.url : url)
        return byCookie(pathname + search, init)
      }
      const agent = new AtpAgent({ service: atgate.url, fetch: fetchByCookie as typeof fetch })
      const { data } = await agent.com.atproto.repo.listRecords({ repo: did, collection: NOTE })
      expect(data.records.length).toBeGreaterThan(0)
      await expect(agent.login({ identifier: 'alice.test', password: 'sandbox-pass' })).rejects.toMatchObject({
        status: 403,
      })
    })

    it('@atproto/lex, by cookie and by bearer', async () => {
      const token = await createDeveloperToken(browser, { as: 'alice.test' })
      for (const send of [byCookie, byBearer(token)]) {
        const client = new Client({ did, fetchHandler: (path, init) => send(path, init) })
        const { body } = await client.createRecord(record as Parameters<typeof client.createRecord>[0])
        const rkey = body.uri.split('/').at(-1) ?? ''
        expect((await client.getRecord(NOTE, rkey)).body.value).toEqual(record)
        await client.deleteRecord(NOTE, rkey)
        const picture = await client.uploadBlob(new Uint8Array(avatarPng([7, 8, 9])), { encoding: 'image/png' })
        expect(picture.body.blob.mimeType).toBe('image/png')
      }
    })
  })

  describe('over an access token that the PDS does not take', () => {
    const many = () =>
      Promise.all(
        Array.from({ length: 100 }, async () => {
          const response = await byCookie('/xrpc/com.atproto.server.getSession')
          await response.text()
          return response.status
        }),
      )
    const refreshes = () => atgate.stores.statements.filter((sql) => sql.includes('SET "sentAt" = clock_timestamp()'))

    beforeEach(() => {
      atgate.stores.statements.length = 0
    })

    it('since it has ended: 100 calls refresh once', async () => {
      await ageGrant(db(), grantId, 61 * MINUTE)
      expect(new Set(await many())).toEqual(new Set([200]))
      expect([(await grant()).generation, refreshes().length]).toEqual([1n, 1])
    })

    it('although it has not ended: 100 calls refresh once', async () => {
      await replaceTokenSet(atgate.gateway, grantId, { access_token: 'refused' })
      await ageGrant(db(), grantId, 2 * MINUTE)
      expect(new Set(await many())).toEqual(new Set([200]))
      expect([(await grant()).generation, refreshes().length]).toEqual([1n, 1])
    })

    it('at all: calls are answered 401, refresh once a minute, and the grant stays', async () => {
      await replaceTokenSet(atgate.gateway, grantId, { access_token: 'refused' })
      expect(new Set(await many())).toEqual(new Set([401]))
      expect(refreshes()).toEqual([])
      expect(await grant()).toMatchObject({ state: 'ok', generation: 0n })
    })

    it('nor any refresh token: the account has to sign in again', async () => {
      await (await askAuthorizationServer(atgate.gateway, await openGrant(atgate.gateway, grantId))).revoke()
      await ageGrant(db(), grantId, 61 * MINUTE)
      const answer = await byCookie('/xrpc/com.atproto.server.getSession')
      expect([answer.status, answer.headers.get('atgate-error')]).toEqual([401, 'NEEDS_REAUTHENTICATION'])
    })
  })

  describe(`with ${SIZE / MB} MB`, () => {
    /** One chunk over and over, so that what grows is not the test's. */
    async function* bytes(size: number, look: (passed: number) => void): AsyncGenerator<Buffer> {
      const chunk = Buffer.alloc(64 * 1024, 'x')
      for (let sent = 0; sent < size; sent += chunk.length) {
        look(sent)
        yield chunk
      }
    }

    /**
     * How far the buffers that this process holds, which is the gateway's, grew while something was done, as seen every
     * few megabytes. What nobody holds any more is collected before each look: when V8 does so by itself is no matter
     * of the gateway.
     */
    async function growthDuring<T>(work: (look: (passed: number) => void) => Promise<T>) {
      const held = () => {
        collectGarbage()
        return process.memoryUsage().arrayBuffers
      }
      const before = held()
      let [peak, nextLook] = [before, LOOKED_AT_EVERY]
      const result = await work((passed) => {
        if (passed < nextLook) return
        nextLook += LOOKED_AT_EVERY
        peak = Math.max(peak, held())
      })
      return { result, growth: peak - before }
    }

    it(`uploads a blob and downloads it, within ${LARGEST_GROWTH / MB} MB of memory`, async () => {
      const headers = { cookie: await browser.jar.getCookieString(atgate.url), 'atgate-account': did }
      const upload = await growthDuring(async (look) => {
        const { body } = await request(`${atgate.url}/xrpc/com.atproto.repo.uploadBlob`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'video/mp4', 'content-length': String(SIZE) },
          body: bytes(SIZE, look) as never,
        })
        return (await body.json()) as { blob: { ref: { $link: string }; size: number } }
      })
      expect(upload.result.blob.size).toBe(SIZE)
      await post('com.atproto.repo.createRecord', {
        repo: did,
        collection: NOTE,
        record: { $type: NOTE, video: upload.result.blob },
      })
      const query = new URLSearchParams({ did, cid: upload.result.blob.ref.$link })
      const download = await growthDuring(async (look) => {
        const { body } = await request(`${atgate.url}/xrpc/com.atproto.sync.getBlob?${query}`, { headers })
        let size = 0
        for await (const chunk of body) {
          size += chunk.length
          look(size)
        }
        return size
      })
      expect(download.result).toBe(SIZE)
      const grown = [upload.growth, download.growth].map((growth) => Math.round(growth / MB))
      expect(Math.max(...grown), `MB of growth by upload and download: ${grown}`).toBeLessThan(LARGEST_GROWTH / MB)
    })
  })
})
