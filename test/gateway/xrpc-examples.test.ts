import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { callForVisitor } from '../../examples/xrpc/backend.ts'
import { pageAgent, post } from '../../examples/xrpc/page.ts'
import { avatarPng } from '../../src/sandbox/avatar.ts'
import { createDeveloperToken } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { startProgram } from '../support/process.ts'
import { signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

const POST = 'app.bsky.feed.post'

describeGateway('examples/xrpc', () => {
  let atgate: TestGateway
  let browser: HttpBrowser
  let did: string

  beforeAll(async () => {
    atgate = await startGateway({ OAUTH_SCOPE: `atproto repo:${POST}?action=create blob:image/*` })
    browser = createHttpBrowser(atgate.url)
    did = (await signIn(browser, 'alice.test')).account.did
  })
  afterAll(() => atgate.close())
  afterEach(() => vi.unstubAllGlobals())

  const postsOf = async () => {
    const query = new URLSearchParams({ repo: did, collection: POST })
    const visitor = { cookie: await browser.jar.getCookieString(atgate.url), did }
    const answer = await callForVisitor(atgate.url, visitor, { nsid: `com.atproto.repo.listRecords?${query}` })
    return (answer as { records: { uri: string; value: { text: string } }[] }).records
  }

  it('a page writes a post with a picture', async () => {
    const cookie = await browser.jar.getCookieString(atgate.url)
    const { fetch: bare } = globalThis
    // As a browser does, which sends the cookie where a page asks for it.
    vi.stubGlobal('fetch', (url: URL, init: RequestInit) => {
      const headers = new Headers(init.headers)
      if (init.credentials === 'include') headers.set('cookie', cookie)
      return bare(url, { ...init, headers })
    })
    const picture = new Blob([new Uint8Array(avatarPng([9, 9, 9]))], { type: 'image/png' })
    const uri = await post(pageAgent(atgate.url, { did }), { text: 'from a page', picture })
    vi.unstubAllGlobals()
    const written = (await postsOf()).find((record) => record.uri === uri)
    expect(written?.value).toMatchObject({
      text: 'from a page',
      embed: { images: [{ image: { mimeType: 'image/png' } }] },
    })
  })

  it('a script writes a post with a developer token', async () => {
    const token = await createDeveloperToken(browser, { as: 'alice.test' })
    const program = startProgram('examples/xrpc/write-post.ts', {
      cwd: '.',
      env: { ATGATE_TOKEN: token },
      args: ['from a script', atgate.url],
    })
    expect(await program.exitCode(), program.output()).toBe(0)
    const written = (await postsOf()).find((record) => program.output().includes(record.uri))
    expect(written?.value.text).toBe('from a script')
  })

  it('and says who is wrong when a token is not valid', async () => {
    const program = startProgram('examples/xrpc/write-post.ts', {
      cwd: '.',
      env: { ATGATE_TOKEN: 'atgate_nobody.nothing' },
      args: ['from nobody', atgate.url],
    })
    expect(await program.exitCode()).toBe(1)
    expect(program.output()).toContain('Nobody is signed in')
  })

  it('a backend is told whose error it is', async () => {
    const cookie = await browser.jar.getCookieString(atgate.url)
    const call = (visitor: string, nsid: string) => callForVisitor(atgate.url, { cookie, did: visitor }, { nsid })
    await expect(call('did:plc:somebody', 'com.atproto.server.getSession')).rejects.toThrow(
      'the gateway answered ACCOUNT_CHANGED',
    )
    await expect(call(did, 'com.atproto.repo.getRecord')).rejects.toThrow('the PDS answered InvalidRequest')
  })
})
