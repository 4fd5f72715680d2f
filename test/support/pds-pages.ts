import { CookieJar } from 'tough-cookie'
import { request } from 'undici'

/** Who signs in on the PDS's pages. */
export type SignIn = { username: string; password: string }

/**
 * Allows the app, as a person would on the PDS's own pages, but over plain HTTP. Each account has a device that the PDS
 * remembers, so that it asks for the password only when the gateway wants it asked anew (`prompt=login`); and not even
 * for consent when this account has allowed this app before. With `scope`, allows no more than that of what the app
 * asks for.
 * @returns the callback URL that the PDS redirects to
 */
export async function authorizeOnPds(
  authUrl: string,
  { username, password, scope }: SignIn & { scope?: string },
): Promise<string> {
  // A consent to less than was asked for is asked for each time, so it needs a device of which the PDS knows nothing.
  const device =
    scope === undefined ? await rememberedDevice(new URL(authUrl).origin, { username, password }) : new CookieJar()
  const pages = await openPages(authUrl, device)
  if (pages.callback !== null) return pages.callback
  const known = pages.offered.find(({ account }) => account.handle === username)
  const needsPassword = known === undefined || known.loginRequired
  const signedIn = needsPassword
    ? await pages.post('sign-in', { locale: 'en', username, password, remember: scope === undefined })
    : known
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

/**
 * What the authorization page holds: the request that the PDS was pushed, and the accounts that it knows the browser
 * by.
 */
export type AuthorizationPage = {
  prompt: string | undefined
  scope: string
  loginHint: string | undefined
  sessions: { account: { handle: string }; loginRequired: boolean }[]
}

/** Reads the authorization page, as the PDS sends it to a browser with these cookies. */
export async function readAuthorizationPage(authUrl: string, jar = new CookieJar()): Promise<AuthorizationPage> {
  const { text } = await openPages(authUrl, jar)
  const { promptMode, scope, loginHint } = hydrationData(text, '__authorizeData') as Record<string, string>
  const sessions = hydrationData(text, '__sessions') as AuthorizationPage['sessions']
  return { prompt: promptMode, scope: scope ?? '', loginHint, sessions }
}

/** Signs in and has the PDS remember the browser, but does not allow the app. */
export async function rememberOnPds(authUrl: string, { username, password }: SignIn, jar: CookieJar): Promise<void> {
  const pages = await openPages(authUrl, jar)
  await pages.post('sign-in', { locale: 'en', username, password, remember: true })
}

/** What the page's own script is given: `window["name"]=JSON.parse("…");` */
function hydrationData(page: string, name: string): unknown {
  const [, literal] = new RegExp(`window\\["${name}"\\]=JSON\\.parse\\(("(?:[^"\\\\]|\\\\.)*")\\);`).exec(page) ?? []
  return literal === undefined ? undefined : JSON.parse(JSON.parse(literal))
}

type Answer = { account?: { did: string }; ephemeralToken?: string; url?: string }

/** An account that the PDS remembers on a device, as its authorization page offers it. */
type OfferedAccount = { account: { did: string; handle?: string }; loginRequired: boolean }

const devices = new Map<string, Promise<CookieJar>>()

/**
 * The cookies of a device on which the PDS remembers the account. The password is entered there once for each test
 * file.
 */
function rememberedDevice(issuer: string, { username, password }: SignIn): Promise<CookieJar> {
  const key = `${issuer} ${username}`
  const known = devices.get(key)
  if (known !== undefined) return known
  const signingIn = rememberAccount(issuer, { username, password })
  devices.set(key, signingIn)
  return signingIn
}

async function rememberAccount(issuer: string, { username, password }: SignIn): Promise<CookieJar> {
  const device = new CookieJar()
  const pages = await openPages(`${issuer}/account`, device)
  await pages.post('sign-in', { locale: 'en', username, password, remember: true })
  return device
}

/**
 * Opens a page of the PDS on a device. By undici's `request`, since `fetch` would overwrite the `sec-fetch-*` headers
 * that the PDS checks.
 */
async function openPages(pageUrl: string, device = new CookieJar()) {
  const issuer = new URL(pageUrl).origin

  async function send(
    url: string,
    options: { method: 'GET' | 'POST'; headers: Record<string, string>; body?: string },
  ) {
    const cookie = await device.getCookieString(url)
    const response = await request(url, { ...options, headers: { ...options.headers, cookie } })
    for (const line of [response.headers['set-cookie'] ?? []].flat()) await device.setCookie(line, url)
    return { status: response.statusCode, headers: response.headers, text: await response.body.text() }
  }

  const navigate = (url: string, headers: Record<string, string>) =>
    send(url, { method: 'GET', headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', ...headers } })

  async function post(endpoint: string, body: object, token?: string): Promise<Answer> {
    const cookies = await device.getCookies(pageUrl)
    const { status, text } = await send(`${issuer}/@atproto/oauth-provider/~api/${endpoint}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-csrf-token': cookies.find(({ key }) => key === 'csrf-token')?.value ?? '',
        origin: issuer,
        referer: pageUrl,
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
      referer: pageUrl,
    })
    if (typeof headers.location !== 'string') throw new Error(`the PDS did not redirect back: ${status} ${text}`)
    return headers.location
  }

  const page = await navigate(pageUrl, { 'sec-fetch-site': 'cross-site' })
  const redirect = page.headers.location
  if (page.status !== 200 && typeof redirect !== 'string') throw new Error(`${pageUrl} answered ${page.status}`)
  return {
    /** Where the PDS redirects at once, when it has nothing to ask. */
    callback: typeof redirect === 'string' ? redirect : null,
    offered: (hydrationData(page.text, '__sessions') ?? []) as OfferedAccount[],
    text: page.text,
    post,
    follow,
    consent: async ({ account, ephemeralToken }: Answer, scope?: string) =>
      follow(await post('consent', { did: account?.did, ...(scope === undefined ? {} : { scope }) }, ephemeralToken)),
  }
}
