import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'
import { CookieJar } from 'tough-cookie'
import { type Dispatcher, request } from 'undici'

/** An answer of the GraphQL API, with what the HTTP answer itself had. */
export type GraphqlAnswer<T> = {
  data: T | null
  errors: { message: string; extensions: Record<string, unknown> }[]
  response: Response
}

/** A browser as the gateway sees one: it keeps cookies, names its origin, and follows no redirect by itself. */
export type HttpBrowser = {
  jar: CookieJar
  send(path: string, init?: RequestInit): Promise<Response>
  navigate(path: string, headers?: Record<string, string>): Promise<Navigated>
  graphql<Result, Variables>(
    document: TypedDocumentNode<Result, Variables>,
    variables?: Variables,
    headers?: Record<string, string>,
  ): Promise<GraphqlAnswer<Result>>
  /** The value of the session cookie, or null. */
  sessionCookie(): Promise<string | null>
  /** Loses the session cookie, and keeps the other one. */
  loseSessionCookie(): Promise<void>
  /** The same browser, which reaches another replica behind the same public address. */
  at(otherUrl: string): HttpBrowser
  /** A copy of its cookies, as a thief makes it. What is answered to the one, the other does not receive. */
  copy(): HttpBrowser
}

/** What a navigation led to. */
type Navigated = {
  status: number
  headers: Dispatcher.ResponseData['headers']
  setCookies: string[]
  text: string
}

const SAME_ORIGIN_NAVIGATION = {
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'same-origin',
  'sec-fetch-dest': 'document',
}

/**
 * @param publicUrl where browsers believe that they are, when a TLS front or another replica stands before the gateway
 */
export function createHttpBrowser(gatewayUrl: string, publicUrl = gatewayUrl, jar = new CookieJar()): HttpBrowser {
  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const url = new URL(path, gatewayUrl).href
    const headers = new Headers(init.headers)
    const cookie = await jar.getCookieString(publicUrl)
    if (cookie !== '' && !headers.has('cookie')) headers.set('cookie', cookie)
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) await jar.setCookie(line, publicUrl)
    return response
  }

  async function storedSessionCookie() {
    return (await jar.getCookies(publicUrl)).find(({ key }) => key.endsWith('atgate'))
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
    async sessionCookie() {
      return (await storedSessionCookie())?.value ?? null
    },
    async loseSessionCookie() {
      const cookie = await storedSessionCookie()
      if (cookie !== undefined) await jar.setCookie(`${cookie.key}=; Max-Age=0; Path=/`, publicUrl)
    },
    at: (otherUrl) => createHttpBrowser(otherUrl, publicUrl, jar),
    copy: () => createHttpBrowser(gatewayUrl, publicUrl, jar.cloneSync()),
  }
}
