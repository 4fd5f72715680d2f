import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { currentUserOf, dataOf, exchange, switcherOf } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { authorizeOnPds } from '../support/pds-pages.ts'
import { followCallback, signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

const FROM_ELSEWHERE = {
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'cross-site',
  'sec-fetch-dest': 'document',
  referer: 'https://evil.example/',
}

// The attack: a foreign page navigates the browser to /auth/start with an account on a server that the attacker runs,
// which sends the browser straight back. The victim is signed in as the attacker, and the victim's own sessions have
// ended.
describeGateway('a sign-in that another page began', () => {
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway({ ACCOUNT_CREATION: 'on', ACCOUNT_CREATION_ANY_PDS: 'on' })
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
  })

  const START = '/auth/start?handle=bob.test'
  /** Where the page's Continue leads. */
  const continueOf = (page: string) => /href="(\/auth\/start\?[^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? ''
  const location = ({ headers }: { headers: Record<string, unknown> }) => String(headers.location ?? '')

  it('asks before anything is pushed or stored, and says whom it would replace', async () => {
    const before = await atgate.stores.dumpEphemeral()
    const { status, headers, text } = await browser.navigate(START, FROM_ELSEWHERE)
    expect(status).toBe(200)
    expect(headers['content-type']).toMatch(/^text\/html/)
    expect(text).toContain('Sign in as @bob.test?')
    expect(text).toContain(new URL(inject('pdsUrl')).host)
    expect(text).toContain('no longer signed in as <strong>@alice.test</strong>')
    expect(await atgate.stores.dumpEphemeral()).toBe(before)
    expect((await currentUserOf(browser))?.handle).toBe('alice.test')
  })

  it('says of no one that they are replaced, where the account is signed in here already', async () => {
    const { text } = await browser.navigate('/auth/start?handle=alice.test', FROM_ELSEWHERE)
    expect(text).toContain('Sign in as @alice.test?')
    expect(text).not.toContain('no longer signed in')
  })

  it('refuses frames and caches, and goes nowhere by itself', async () => {
    const { headers, text } = await browser.navigate(START, FROM_ELSEWHERE)
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(headers['cache-control']).toBe('no-store')
    expect(headers['referrer-policy']).toBe('same-origin')
    expect(text).not.toMatch(/<script|http-equiv|<iframe/i)
  })

  it('goes on after a click, also without Fetch Metadata and without a referrer, as often as one goes back', async () => {
    const { text } = await browser.navigate(START, FROM_ELSEWHERE)
    const continued = await browser.navigate(continueOf(text), {})
    expect(continued.status).toBe(303)
    const again = await browser.navigate(continueOf(text), {})
    expect(again.status).toBe(303)
    const callback = await authorizeOnPds(location(again), { username: 'bob.test', password: SANDBOX_PASSWORD })
    dataOf(await exchange(browser, await followCallback(browser, callback)))
    expect(await switcherOf(browser)).toEqual(['BOB.TEST'])
  })

  describe('does not go on by a ticket', () => {
    it.each([
      ['that is made up', () => 'nonsense'],
      ['that was taken for another account', (ticket: string) => ticket],
    ])('%s', async (_what, forge) => {
      const { text } = await browser.navigate(START, FROM_ELSEWHERE)
      const ticket = new URL(continueOf(text), atgate.url).searchParams.get('ticket') ?? ''
      const query = new URLSearchParams({ handle: 'carol.test', ticket: forge(ticket) })
      const { status, text: page } = await browser.navigate(`/auth/start?${query}`, FROM_ELSEWHERE)
      expect(status).toBe(200)
      expect(page).toContain('Sign in as @carol.test?')
    })

    it('of another browser', async () => {
      const attacker = createHttpBrowser(atgate.url)
      const { text } = await attacker.navigate(START, FROM_ELSEWHERE)
      expect((await browser.navigate(continueOf(text), FROM_ELSEWHERE)).status).toBe(200)
    })

    it('after ten minutes', async () => {
      const { text } = await browser.navigate(START, FROM_ELSEWHERE)
      await atgate.stores.advance(10 * 60_000 + 1)
      expect((await browser.navigate(continueOf(text), FROM_ELSEWHERE)).status).toBe(200)
    })
  })

  it('goes on by itself from a page of this gateway', async () => {
    expect((await browser.navigate(START)).status).toBe(303)
    expect((await browser.navigate('/auth/start?handle=bob.test&ask=1')).status).toBe(200)
  })

  it('asks before an account is created, too', async () => {
    const query = new URLSearchParams({ pds_url: inject('pdsUrl') })
    const { text } = await browser.navigate(`/auth/start?${query}`, FROM_ELSEWHERE)
    expect(text).toContain(`Create an account at ${new URL(inject('pdsUrl')).host}?`)
    expect((await browser.navigate(continueOf(text), {})).status).toBe(303)
  })

  it('refuses frames, prefetches and scripts of other pages', async () => {
    for (const headers of [
      { ...FROM_ELSEWHERE, 'sec-fetch-dest': 'iframe' },
      { ...FROM_ELSEWHERE, 'sec-purpose': 'prefetch' },
      { accept: 'application/json', origin: 'https://evil.example' },
    ]) {
      const { status, setCookies } = await browser.navigate(START, headers)
      expect(status).toBe(403)
      expect(setCookies).toEqual([])
    }
  })

  describe('with a mistake', () => {
    it.each([
      ['handle=not%20a%20handle', 400, 'is not a handle', 'value="not a handle"'],
      ['handle=nobody.test&return_to=/settings', 404, 'No account was found', 'name="return_to" value="/settings"'],
      ['handle=nobody.test&prompt=login', 404, 'No account was found', 'name="prompt" value="login"'],
      ['handle=%22%3E%3Cscript%3E', 400, 'is not a handle', 'value="&quot;&gt;&lt;script&gt;"'],
      ['', 400, 'exactly one of them', 'name="handle"'],
    ])('answers %j with the form, which keeps what was typed', async (query, status, problem, kept) => {
      for (const headers of [FROM_ELSEWHERE, undefined]) {
        const answer = await browser.navigate(`/auth/start?${query}`, headers)
        expect(answer.status).toBe(status)
        expect(answer.headers['content-type']).toMatch(/^text\/html/)
        expect(answer.text).toContain(problem)
        expect(answer.text).toContain(kept)
      }
    })

    it('leaves out a return address that is the mistake', async () => {
      const { status, text } = await browser.navigate('/auth/start?handle=alice.test&return_to=https://evil.example')
      expect(status).toBe(400)
      expect(text).not.toContain('evil.example')
    })
  })

  it('finds a page where nothing is, and JSON for a program', async () => {
    const { status, text } = await browser.navigate('/nowhere')
    expect(status).toBe(404)
    expect(text).toContain('There is nothing at this address.')
    expect((await fetch(`${atgate.url}/nowhere`)).headers.get('content-type')).toMatch(/^application\/json/)
  })
})
