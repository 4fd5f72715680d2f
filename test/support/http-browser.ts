import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'
import { CookieJar } from 'tough-cookie'
import { request } from 'undici'

/** An answer of the GraphQL API, with what the HTTP answer itself had. */
export type GraphqlAnswer<T> = {
  data: T | null
  errors: { message: string; extensions: Record<string, unknown> }[]
  response: Response
}

/** A browser as the gateway sees one: it keeps cookies, names its origin, and follows no redirect by itself. */
export type HttpBrowser = ReturnType<typeof createHttpBrowser>

const SAME_ORIGIN_NAVIGATION = {
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'same-origin',
  'sec-fetch-dest': 'document',
}

/** @param publicUrl where browsers believe that they are, when a TLS front stands before the gateway */
export function createHttpBrowser(gatewayUrl: string, publicUrl = gatewayUrl) {
  const jar = new CookieJar()

  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const url = new URL(path, gatewayUrl).href
    const headers = new Headers(init.headers)
    const cookie = await jar.getCookieString(publicUrl)
    if (cookie !== '' && !headers.has('cookie')) headers.set('cookie', cookie)
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) await jar.setCookie(line, publicUrl)
    return response
  }

  /**
   * Navigates as a browser does when a page of this gateway leads it, or by other headers. By undici's `request`, since
   * `fetch` sets its own Fetch Metadata.
   */
  async function navigate(path: string, headers: Record<string, string> = SAME_ORIGIN_NAVIGATION) {
    const cookie = await jar.getCookieString(publicUrl)
    const response = await request(new URL(path, gatewayUrl), {
      headers: { accept: 'text/html', ...(cookie === '' ? {} : { cookie }), ...headers },
    })
    const setCookies = [response.headers['set-cookie'] ?? []].flat()
    for (const line of setCookies) await jar.setCookie(line, publicUrl)
    const text = await response.body.text()
    return { status: response.statusCode, headers: response.headers, setCookies, text }
  }

  async function graphql<Result, Variables>(
    document: TypedDocumentNode<Result, Variables>,
    variables?: Variables,
    headers: Record<string, string> = {},
  ): Promise<GraphqlAnswer<Result>> {
    const response = await send('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: publicUrl, ...headers },
      body: JSON.stringify({ query: print(document), variables }),
    })
    const { data = null, errors = [] } = (await response.json()) as Partial<GraphqlAnswer<Result>>
    return { data, errors, response }
  }

  return {
    jar,
    send,
    navigate,
    graphql,
    /** The value of the session cookie, or null. */
    sessionCookie: async () =>
      (await jar.getCookies(publicUrl)).find(({ key }) => key.endsWith('atgate'))?.value ?? null,
    /** The same cookies in front of another replica. */
    at: (otherUrl: string) => createHttpBrowserWith(jar, otherUrl),
  }
}

function createHttpBrowserWith(jar: CookieJar, gatewayUrl: string) {
  const browser = createHttpBrowser(gatewayUrl)
  // Cookies know hosts but not ports, as in a real browser.
  for (const cookie of jar.serializeSync()?.cookies ?? [])
    browser.jar.setCookieSync(`${cookie.key}=${cookie.value}`, gatewayUrl)
  return browser
}
