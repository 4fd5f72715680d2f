import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { CurrentUserDocument, LogoutDocument } from '../../web/generated/graphql.ts'
import { didOf } from '../support/builders.ts'
import { codeOf, currentUserOf, switcherOf, switchTo } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { signedInBrowser } from '../support/signed-in-browser.ts'
import { describeGateway } from '../support/suite.ts'

const alice = didOf('alice.test')
const bob = didOf('bob.test')

describeGateway('switching between the accounts of a browser', () => {
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = await signedInBrowser(atgate, ['alice.test', 'bob.test'])
  })

  /** What a request gets that still carries this cookie. */
  const seenWith = async (cookie: string | null) => {
    const { data } = await createHttpBrowser(atgate.url).graphql(CurrentUserDocument, undefined, {
      cookie: `atgate=${cookie}`,
    })
    return data?.currentUser?.handle ?? null
  }

  it('makes the other account active, under a fresh secret', async () => {
    const cookie = await browser.sessionCookie()
    const { data, response } = await switchTo(browser, alice)
    expect(data?.switchAccount).toMatchObject({
      account: { did: alice, isActive: true },
      session: { isCurrent: true },
      sessionToken: null,
    })
    expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^atgate=.*HttpOnly/)])
    expect(await browser.sessionCookie()).not.toBe(cookie)
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST', 'bob.test'])
  })

  it('refuses the active account and one that is not linked', async () => {
    expect(codeOf(await switchTo(browser, bob))).toBe('ALREADY_ACTIVE')
    expect(codeOf(await switchTo(browser, 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'))).toBe('ACCOUNT_NOT_LINKED')
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
  })

  it('lets the replaced secret answer for 10 s as its own account, change nothing, and then be refused', async () => {
    const cookie = await browser.sessionCookie()
    const replaced = { cookie: `atgate=${cookie}` }
    await switchTo(browser, alice)
    expect(await seenWith(cookie)).toBe('bob.test')
    const refused = await createHttpBrowser(atgate.url).graphql(LogoutDocument, undefined, replaced)
    expect(codeOf(refused)).toBe('FORBIDDEN')
    expect(refused.response.headers.getSetCookie()).toEqual([])
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST', 'bob.test'])

    await atgate.stores.advance(10_001)
    expect(await seenWith(cookie)).toBeNull()
    await switchTo(browser, bob)
    expect(await seenWith(cookie)).toBeNull()
  })

  it('back and forth within the grace leaves the former secret its time', async () => {
    const cookie = await browser.sessionCookie()
    await switchTo(browser, alice)
    await switchTo(browser, bob)
    expect(await seenWith(cookie)).toBe('bob.test')
    await atgate.stores.advance(10_001)
    expect(await seenWith(cookie)).toBeNull()
    expect((await currentUserOf(browser))?.handle).toBe('bob.test')
  })

  it('100 times from two tabs at once: never two active, never an answer for the wrong account', async () => {
    const { db } = atgate.gateway.stores
    const groupId = (
      await db.session.findFirstOrThrow({ where: { did: bob, isActive: true }, orderBy: { createdAt: 'desc' } })
    ).groupId
    const owners = new Map<string, string>()
    const wrong: string[] = []
    const outcomes: string[] = []

    /** What is true of the group at any moment, and of an answer to whoever showed `cookie`. */
    async function observe(cookie: string): Promise<string | undefined> {
      const headers = { cookie: `atgate=${cookie}` }
      const [{ data }, sessions] = await Promise.all([
        browser.graphql(CurrentUserDocument, undefined, headers),
        db.session.findMany({ where: { groupId } }),
      ])
      for (const session of sessions) owners.set(session.id, session.did)
      if (sessions.filter(({ isActive }) => isActive).length !== 1) wrong.push('not one active')
      const did = data?.currentUser?.did
      // Its own account, or nobody: the answer never belongs to the account of another session.
      const owner = owners.get(cookie.split('.')[0] ?? '')
      if (did !== undefined && did !== owner) wrong.push(`a session of ${owner} answered for ${did}`)
      return did
    }

    const switched = () => outcomes.filter((outcome) => outcome === 'switched').length

    async function tab(): Promise<void> {
      while (switched() < 100) {
        const did = await observe((await browser.sessionCookie()) ?? '')
        const answer = await switchTo(browser, did === alice ? bob : alice)
        outcomes.push(String(codeOf(answer) ?? 'switched'))
      }
    }
    await Promise.all([tab(), tab()])
    expect(wrong).toEqual([])
    // Where both tabs asked at once, one was refused.
    expect(['switched', 'FORBIDDEN', 'ALREADY_ACTIVE']).toEqual(expect.arrayContaining([...new Set(outcomes)]))
    // And the browser still is signed in: its cookie is that of the active session.
    const active = await db.session.findFirstOrThrow({ where: { groupId, isActive: true } })
    expect((await browser.sessionCookie())?.split('.')[0]).toBe(active.id)
    expect((await currentUserOf(browser))?.did).toBe(active.did)
  })

  it('goes on after signing out of one account with switchTo', async () => {
    const { data, response } = await browser.graphql(LogoutDocument, { input: { switchTo: alice } })
    expect(data?.logout).toMatchObject({ switchedTo: { did: alice, isActive: true }, sessionToken: null })
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
  })

  it('refuses to sign out to the same account or to a stranger, and nothing has ended then', async () => {
    const logoutTo = async (target: string) =>
      codeOf(await browser.graphql(LogoutDocument, { input: { switchTo: target } }))
    expect(await logoutTo(bob)).toBe('ALREADY_ACTIVE')
    expect(await logoutTo('did:plc:aaaaaaaaaaaaaaaaaaaaaaaa')).toBe('ACCOUNT_NOT_LINKED')
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
  })
})
