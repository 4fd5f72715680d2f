import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { CurrentUserDocument, ExchangeTokenDocument } from '../../web/generated/graphql.ts'
import type { HttpBrowser } from './http-browser.ts'
import { authorizeOnPds } from './pds-pages.ts'

/** Begins to sign in. Gives the authorization server's page. */
export async function startSignIn(browser: HttpBrowser, query: Record<string, string>): Promise<string> {
  const response = await browser.send(`/auth/start?${new URLSearchParams(query)}`, {
    headers: { accept: 'application/json' },
  })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`/auth/start answered ${response.status} ${text}`)
  return (JSON.parse(text) as { authUrl: string }).authUrl
}

/** Signs in at the PDS and allows the app. Gives the callback URL. */
export async function authorize(browser: HttpBrowser, handle: string): Promise<string> {
  const authUrl = await startSignIn(browser, { handle })
  return authorizeOnPds(authUrl, { username: handle, password: SANDBOX_PASSWORD })
}

/** Follows a callback URL, as the browser does when the PDS sends it back. Gives where the gateway sends it next. */
export async function followCallback(browser: HttpBrowser, callbackUrl: string): Promise<URL> {
  const { pathname, search } = new URL(callbackUrl)
  const response = await browser.send(pathname + search)
  const location = response.headers.get('location')
  if (location === null) throw new Error(`the callback answered ${response.status} ${await response.text()}`)
  return new URL(location)
}

/** Signs in as far as the exchange token. */
export async function obtainExchangeToken(browser: HttpBrowser, handle: string): Promise<string> {
  const destination = await followCallback(browser, await authorize(browser, handle))
  const token = destination.searchParams.get('exchange_token')
  if (token === null) throw new Error(`no exchange token in ${destination}`)
  return token
}

/**
 * Signs in from the first step to the last: as every frontend does, the browser then asks who is signed in, which is
 * the first use of its token.
 */
export async function signIn(browser: HttpBrowser, handle: string) {
  const input = { exchangeToken: await obtainExchangeToken(browser, handle) }
  const { data, errors } = await browser.graphql(ExchangeTokenDocument, { input })
  if (data === null) throw new Error(`the exchange failed: ${JSON.stringify(errors)}`)
  await browser.graphql(CurrentUserDocument)
  return data.exchangeToken
}
