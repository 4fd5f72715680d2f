import { randomBytes } from 'node:crypto'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'
import { expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import {
  CurrentUserDocument,
  DeveloperTokensDocument,
  StartAddAccountDocument,
  StartDeveloperTokenDocument,
  StartScopeUpgradeDocument,
  SwitchAccountDocument,
} from '../../web/generated/graphql.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { allowOnPds, signInOnPds, signUpOnPdsPages } from '../support/chromium.ts'

// The page offers signing in alone; the other flows are begun by a script on it, as a frontend begins them.
describeBrowser('every flow in Chromium', () => {
  const scene = useScene({
    ACCOUNT_CREATION: 'on',
    PDS_OPTIONS: JSON.stringify([{ name: 'Sandbox', url: inject('pdsUrl') }]),
  })

  /** Calls the API from the scene.page, with the browser's cookies. */
  async function graphql<Result, Variables>(
    document: TypedDocumentNode<Result, Variables>,
    variables?: Variables,
  ): Promise<Result> {
    const body = JSON.stringify({ query: print(document), variables })
    const answer = await scene.page.evaluate(async (text) => {
      const headers = { 'content-type': 'application/json' }
      return (await fetch('/graphql', { method: 'POST', headers, body: text })).json()
    }, body)
    return (answer as { data: Result }).data
  }

  /** Goes to the PDS, signs in there, and comes back to the scene.page, which exchanges the token. */
  async function authorizeAt(authUrl: string, handle: string): Promise<void> {
    await scene.page.goto(authUrl)
    await signInOnPds(scene.page, SANDBOX_PASSWORD)
    await allowOnPds(scene.page)
    await scene.page.getByRole('heading', { name: handle }).waitFor()
    expect(scene.page.url()).toBe(`${scene.atgate.url}/`)
  }

  async function signInAs(handle: string): Promise<void> {
    await scene.page.getByLabel('Handle').fill(handle)
    await scene.page.getByRole('button', { name: 'Sign in' }).click()
    await scene.page.waitForURL(`${inject('pdsUrl')}/**`)
    await authorizeAt(scene.page.url(), handle)
  }

  it('creates an account', async () => {
    const name = `new${randomBytes(4).toString('hex')}`
    await scene.page.goto(`${scene.atgate.url}/auth/start?pds_url=${encodeURIComponent(inject('pdsUrl'))}`)
    await signUpOnPdsPages(scene.page, { name, email: `${name}@example.com`, password: 'a-long-enough-password' })
    await allowOnPds(scene.page)
    await scene.page.getByRole('heading', { name: `${name}.test` }).waitFor()
  })

  it('adds an account, and switches back', async () => {
    await signInAs('alice.test')
    const started = await graphql(StartAddAccountDocument, { input: { handle: 'bob.test' } })
    await authorizeAt(started.startAddAccount.authUrl, 'bob.test')
    const { currentUser } = await graphql(CurrentUserDocument)
    expect(currentUser?.linkedAccounts.map(({ handle }) => handle)).toEqual(['alice.test', 'bob.test'])
    await graphql(SwitchAccountDocument, { input: { targetDid: currentUser?.linkedAccounts[0]?.did ?? '' } })
    await scene.page.reload()
    await scene.page.getByRole('heading', { name: 'alice.test' }).waitFor()
  })

  it('upgrades scopes', async () => {
    await signInAs('alice.test')
    const started = await graphql(StartScopeUpgradeDocument, { input: { scopes: ['transition:email'] } })
    await authorizeAt(started.startScopeUpgrade.authUrl, 'alice.test')
    const { currentUser } = await graphql(CurrentUserDocument)
    expect(currentUser?.grantedScopes.toSorted()).toEqual(['atproto', 'transition:email'])
  })

  it('makes a developer token, and shows it once', async () => {
    await signInAs('alice.test')
    const started = await graphql(StartDeveloperTokenDocument, { input: { name: 'from a page' } })
    await authorizeAt(started.startDeveloperToken.authUrl, 'alice.test')
    const secret = (await scene.page.locator('#developer-token-secret').textContent()) ?? ''
    expect(secret).toMatch(/^atgate_[0-9a-f]{32}\./)
    const { developerTokens } = await graphql(DeveloperTokensDocument)
    expect(developerTokens.map(({ name }) => name)).toContain('from a page')
    await scene.page.reload()
    await scene.page.getByRole('heading', { name: 'alice.test' }).waitFor()
    expect(await scene.page.content()).not.toContain(secret)
  })
})
