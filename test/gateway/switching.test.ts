import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  LogoutAllDocument,
  LogoutDocument,
  RevokeSessionDocument,
  SessionsDocument,
  StartAddAccountDocument,
  UnlinkAccountDocument,
} from '../../web/generated/graphql.ts'
import { didOf } from '../support/builders.ts'
import { codeOf, currentUserOf, dataOf, reachedBy, switcherOf, switchTo } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { HttpBrowser } from '../support/http-browser.ts'
import { listen } from '../support/session-changes.ts'
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

  const groupOf = async (who: HttpBrowser) => {
    const id = (await who.sessionCookie())?.split('.')[0] ?? ''
    const { db } = atgate.gateway.stores
    return (await db.clientToken.findUniqueOrThrow({ where: { id }, include: { group: true } })).group
  }

  it('makes the other account active, and leaves the cookie as it was', async () => {
    const cookie = await browser.sessionCookie()
    const { data, response } = await switchTo(browser, alice)
    expect(data?.switchAccount).toMatchObject({
      account: { did: alice, isActive: true },
      session: { isCurrent: true },
      sessionToken: null,
    })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await browser.sessionCookie()).toBe(cookie)
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST', 'bob.test'])
    expect((await currentUserOf(browser))?.did).toBe(alice)
  })

  it('to the active account succeeds and changes nothing', async () => {
    const group = await groupOf(browser)
    const { data, response } = await switchTo(browser, bob)
    expect(data?.switchAccount).toMatchObject({
      account: { did: bob, isActive: true },
      session: { isCurrent: true },
      sessionToken: null,
    })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await groupOf(browser)).toEqual(group)
  })

  it('refuses one that is not linked', async () => {
    expect(codeOf(await switchTo(browser, 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'))).toBe('ACCOUNT_NOT_LINKED')
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
  })

  it('loses nothing with its answer: the same cookie acts as the other account', async () => {
    const cookie = { cookie: `atgate=${await browser.sessionCookie()}` }
    // Nobody keeps what this answers.
    await switchTo(browser, alice, cookie)
    expect((await currentUserOf(browser))?.did).toBe(alice)
    dataOf(await switchTo(browser, bob))
    expect((await currentUserOf(browser))?.did).toBe(bob)
  })

  it('100 times from two tabs at once: nobody is ever signed out, the cookie stays, and the last switch wins', async () => {
    const { db } = atgate.gateway.stores
    const cookie = await browser.sessionCookie()
    const { id, version } = await groupOf(browser)
    const switches = { where: { kind: 'account_switched' } }
    const before = await db.auditEvent.count(switches)
    const answers = new Set<string>()
    const switchers = new Set<string>()

    async function tab(...targets: [string, string]): Promise<void> {
      for (let round = 0; round < 50; round++) {
        const target = targets[round % 2] ?? ''
        const { data, response } = await switchTo(browser, target)
        answers.add(`switched as told: ${data?.switchAccount.account.did === target}`)
        answers.add(`cookies set: ${response.headers.getSetCookie().length}`)
        switchers.add((await switcherOf(browser)).join())
      }
    }
    await Promise.all([tab(alice, bob), tab(bob, alice)])
    // Whatever the other tab does, the one switches as it was told to, and one of both accounts is active.
    expect([...answers].toSorted()).toEqual(['cookies set: 0', 'switched as told: true'])
    expect(['ALICE.TEST,bob.test', 'alice.test,BOB.TEST']).toEqual(expect.arrayContaining([...switchers]))

    dataOf(await switchTo(browser, alice))
    dataOf(await switchTo(browser, bob))
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
    expect(await browser.sessionCookie()).toBe(cookie)
    // Each switch that changed something is recorded, and none has overwritten another.
    const changes = (await db.auditEvent.count(switches)) - before
    expect(await groupOf(browser)).toMatchObject({ id, activeDid: bob, version: version + changes })
  })

  it('goes on after signing out of one account with switchTo, with the same cookie', async () => {
    const cookie = await browser.sessionCookie()
    const { data, response } = await browser.graphql(LogoutDocument, { input: { switchTo: alice } })
    expect(data?.logout).toMatchObject({ switchedTo: { did: alice, isActive: true }, sessionToken: null })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await browser.sessionCookie()).toBe(cookie)
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
  })

  it('refuses to sign out to the same account or to a stranger, and nothing has ended then', async () => {
    const logoutTo = async (target: string) =>
      codeOf(await browser.graphql(LogoutDocument, { input: { switchTo: target } }))
    expect(await logoutTo(bob)).toBe('ALREADY_ACTIVE')
    expect(await logoutTo('did:plc:aaaaaaaaaaaaaaaaaaaaaaaa')).toBe('ACCOUNT_NOT_LINKED')
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
  })

  describe('when the active account was signed out from elsewhere', () => {
    const SIGNED_OUT = { code: 'UNAUTHENTICATED', reason: 'ACCOUNT_SIGNED_OUT' }

    beforeEach(async () => {
      const elsewhere = await signedInBrowser(atgate, ['bob.test'])
      const id = (await currentUserOf(browser))?.session.id ?? ''
      dataOf(await elsewhere.graphql(RevokeSessionDocument, { input: { id } }))
    })

    it('puts nobody in its place, and says so to whatever needs somebody', async () => {
      expect(await currentUserOf(browser)).toBeNull()
      const refused = [
        await browser.graphql(SessionsDocument),
        await browser.graphql(UnlinkAccountDocument, { input: { did: alice } }),
      ]
      for (const { errors } of refused) expect(errors.map(({ extensions }) => extensions)).toEqual([SIGNED_OUT])
      expect(await reachedBy(browser)).toEqual(['alice.test'])
    })

    it('goes on as another one of linkedAccounts by a switch, with the same cookie', async () => {
      const { data, response } = await switchTo(browser, alice)
      expect(data?.switchAccount.account).toMatchObject({ did: alice, isActive: true })
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
      expect(codeOf(await switchTo(browser, bob))).toBe('ACCOUNT_NOT_LINKED')
    })

    it('goes on as another one by logout with switchTo, which ends nothing more', async () => {
      const { data } = await browser.graphql(LogoutDocument, { input: { switchTo: alice } })
      expect(data?.logout.switchedTo).toMatchObject({ did: alice, isActive: true })
      expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
    })

    it('adds accounts and listens as before', async () => {
      // As far as a handle that no server is asked about.
      const start = await browser.graphql(StartAddAccountDocument, { input: { handle: 'no handle' } })
      expect(codeOf(start)).toBe('INVALID_HANDLE')
      const tab = await listen(browser)
      expect(tab.status).toBe(200)
      tab.close()
    })

    it.each([
      ['logout', () => browser.graphql(LogoutDocument)],
      ['logoutAll', () => browser.graphql(LogoutAllDocument)],
    ])('ends the rest of the browser with %s', async (_how, end) => {
      const { errors, response } = await end()
      expect(errors).toEqual([])
      expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^atgate=; Max-Age=0;/)])
      expect(await reachedBy(browser)).toBe('UNAUTHENTICATED')
    })
  })
})
