import { print } from 'graphql'
import { SessionChangedDocument } from '../../web/generated/graphql.ts'
import type { HttpBrowser } from './http-browser.ts'

/** What a tab of a browser is told of its session group. */
export type Listener = {
  status: number
  /** Every change so far. */
  kinds: string[]
  /** Whether the gateway has ended the stream. */
  hasEnded(): boolean
  /** Goes away, as a tab that is closed. */
  close(): void
}

/** Subscribes to `sessionChanged` over server-sent events, as urql and GraphiQL do. */
export async function listen(browser: HttpBrowser, headers: Record<string, string> = {}): Promise<Listener> {
  const gone = new AbortController()
  const response = await browser.send('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
    body: JSON.stringify({ query: print(SessionChangedDocument) }),
    signal: gone.signal,
  })
  const kinds: string[] = []
  let ended = false
  const read = async () => {
    let text = ''
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk
      kinds.splice(0, kinds.length, ...[...text.matchAll(/"kind":"(\w+)"/g)].map(([, kind]) => String(kind)))
      kinds.push(...[...text.matchAll(/"code":"(\w+)"/g)].map(([, code]) => String(code)))
    }
    ended = true
  }
  // A stream that breaks has ended as well.
  read().catch(() => (ended = true))
  return { status: response.status, kinds, hasEnded: () => ended, close: () => gone.abort() }
}
