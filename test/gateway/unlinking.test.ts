import { afterAll, beforeAll, expect, it } from 'vitest'
import { LogoutAllDocument, LogoutDocument, UnlinkAccountDocument } from '../../web/generated/graphql.ts'
import { didOf } from '../support/builders.ts'
import { addAccount, codeOf, currentUserOf, dataOf, switcherOf, switchTo } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { signIn } from '../support/sign-in.ts'
import { signedInBrowser } from '../support/signed-in-browser.ts'
import { describeGateway } from '../support/suite.ts'
import { countRows, eventually } from '../support/tables.ts'

const alice = didOf('alice.test')
const bob = didOf('bob.test')

describeGateway('ending the accounts of a browser', () => {
  let atgate: TestGateway

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())

  it('signs another account out, and touches neither the active session nor the cookie', async () => {
    const browser = createHttpBrowser(atgate.url)
    const first = await signIn(browser, 'alice.test')
    const added = await addAccount(browser, 'bob.test')
    const cookie = await browser.sessionCookie()
    const { did } = first.account
    const { db } = atgate.gateway.stores
    const { grantId } = await db.session.findUniqueOrThrow({ where: { id: first.session.id } })
    const { data, response } = await browser.graphql(UnlinkAccountDocument, { input: { did } })
    expect(data).toEqual({ unlinkAccount: { unlinkedDid: did } })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await browser.sessionCookie()).toBe(cookie)
    expect(await switcherOf(browser)).toEqual(['BOB.TEST'])
    expect(codeOf(await switchTo(browser, did))).toBe('ACCOUNT_NOT_LINKED')
    const { groupId } = await db.session.findUniqueOrThrow({ where: { id: added.session.id } })
    expect(await db.session.count({ where: { groupId } })).toBe(1)
    await eventually(async () => (await db.grant.count({ where: { id: grantId } })) === 0, 'its grant is revoked')
  })

  it('refuses the active account, a stranger, and nobody; nothing has ended then', async () => {
    const browser = await signedInBrowser(atgate, ['alice.test', 'bob.test'])
    const unlink = async (target: string, who = browser) =>
      codeOf(await who.graphql(UnlinkAccountDocument, { input: { did: target } }))
    expect(await unlink(bob)).toBe('ALREADY_ACTIVE')
    expect(await unlink('did:plc:aaaaaaaaaaaaaaaaaaaaaaaa')).toBe('ACCOUNT_NOT_LINKED')
    expect(await unlink(alice, createHttpBrowser(atgate.url))).toBe('UNAUTHENTICATED')
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
  })

  it('does not reach the same account in another browser', async () => {
    const elsewhere = await signedInBrowser(atgate, ['alice.test'])
    const browser = await signedInBrowser(atgate, ['alice.test', 'bob.test'])
    dataOf(await browser.graphql(UnlinkAccountDocument, { input: { did: alice } }))
    expect((await currentUserOf(elsewhere))?.did).toBe(alice)
  })

  it('all end with logoutAll, which counts them', async () => {
    const browser = await signedInBrowser(atgate, ['alice.test', 'bob.test'])
    const { data, response } = await browser.graphql(LogoutAllDocument)
    expect(data).toEqual({ logoutAll: { loggedOutCount: 2 } })
    expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^atgate=; Max-Age=0;/)])
    expect(await currentUserOf(browser)).toBeNull()
  })

  it('all end with a logout after which none could be reached', async () => {
    const shared = createHttpBrowser(atgate.url)
    const before = await countRows(atgate.gateway.stores.db)
    await signIn(shared, 'alice.test')
    await addAccount(shared, 'bob.test')
    dataOf(await shared.graphql(LogoutDocument))
    expect(await currentUserOf(shared)).toBeNull()
    await eventually(
      async () => JSON.stringify(await countRows(atgate.gateway.stores.db)) === JSON.stringify(before),
      'both sessions, the group and the grants are gone',
    )
  })
})
