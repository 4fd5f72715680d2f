import { CookieJar } from 'tough-cookie'
import { request } from 'undici'

/** Who signs in on the PDS's pages. */
export type SignIn = { username: string; password: string }

/**
 * Signs in and allows the app, as a person would on the PDS's own pages, but over plain HTTP.
 * With `scope`, allows no more than that of what the app asks for.
 * @returns the callback URL that the PDS redirects to
 */
export async function authorizeOnPds(
  authUrl: string,
  { username, password, scope }: SignIn & { scope?: string },
): Promise<string> {
  const pages = await openPages(authUrl)
  const signedIn = await pages.post('sign-in', { locale: 'en', username, password, remember: false })
  return pages.consent(signedIn, scope)
}

/** Signs in, but then denies the app. */
export async function denyOnPds(authUrl: string, { username, password }: SignIn): Promise<string> {
  const pages = await openPages(authUrl)
  const { ephemeralToken } = await pages.post('sign-in', { locale: 'en', username, password, remember: false })
  return pages.follow(await pages.post('reject', {}, ephemeralToken))
}

/** Cancels before signing in. */
export async function cancelOnPds(authUrl: string): Promise<string> {
  const pages = await openPages(authUrl)
  return pages.follow(await pages.post('reject', {}))
}

/** Creates an account and allows the app. */
export async function signUpOnPds(
  authUrl: string,
  account: { handle: string; email: string; password: string },
): Promise<string> {
  const pages = await openPages(authUrl)
  return pages.consent(await pages.post('sign-up', { locale: 'en', ...account }))
}

type Answer = { account?: { did: string }; ephemeralToken?: string; url?: string }

/**
 * Opens the authorization page in a browser of its own. By undici's `request`, since `fetch` would overwrite the
 * `sec-fetch-*` headers that the PDS checks.
 */
async function openPages(authUrl: string) {
  const jar = new CookieJar()
  const issuer = new URL(authUrl).origin

  async function send(
    url: string,
    options: { method: 'GET' | 'POST'; headers: Record<string, string>; body?: string },
  ) {
    const cookie = await jar.getCookieString(url)
    const response = await request(url, { ...options, headers: { ...options.headers, cookie } })
    for (const line of [response.headers['set-cookie'] ?? []].flat()) await jar.setCookie(line, url)
    return { status: response.statusCode, headers: response.headers, text: await response.body.text() }
  }

  const navigate = (url: string, headers: Record<string, string>) =>
    send(url, { method: 'GET', headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', ...headers } })

  async function post(endpoint: string, body: object, token?: string): Promise<Answer> {
    const cookies = await jar.getCookies(authUrl)
    const { status, text } = await send(`${issuer}/@atproto/oauth-provider/~api/${endpoint}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-csrf-token': cookies.find(({ key }) => key === 'csrf-token')?.value ?? '',
        origin: issuer,
        referer: authUrl,
        'sec-fetch-mode': 'same-origin',
        'sec-fetch-dest': 'empty',
        'sec-fetch-site': 'same-origin',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    })
    if (status !== 200) throw new Error(`the PDS refused ${endpoint}: ${status} ${text}`)
    return JSON.parse(text) as Answer
  }

  async function follow({ url }: Answer): Promise<string> {
    const { status, headers, text } = await navigate(String(url), {
      'sec-fetch-site': 'same-origin',
      referer: authUrl,
    })
    if (typeof headers.location !== 'string') throw new Error(`the PDS did not redirect back: ${status} ${text}`)
    return headers.location
  }

  const page = await navigate(authUrl, { 'sec-fetch-site': 'cross-site' })
  if (page.status !== 200) throw new Error(`the authorization page answered ${page.status}`)
  return {
    post,
    follow,
    consent: async ({ account, ephemeralToken }: Answer, scope?: string) =>
      follow(await post('consent', { did: account?.did, ...(scope === undefined ? {} : { scope }) }, ephemeralToken)),
  }
}
