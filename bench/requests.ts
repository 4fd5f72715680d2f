import type { Load } from './load.ts'
import type { ManyClients } from './many-clients.ts'

/** What the gateway and bare graphql-yoga are asked. */
export const QUERY = 'query { currentUser { did handle pdsUrl grantedScopes session { kind } } }'

const BODY = JSON.stringify({ query: QUERY })

/** Coprime to the counts, so that the numbers of clients come in an order far from that of their rows. */
const STRIDE = 611_953

/** Gives the cookie of the next request. */
export type Cookies = () => string

/** One client again and again. */
export function warm({ tokenOf }: ManyClients): Cookies {
  const cookie = `atgate=${tokenOf(0)}`
  return () => cookie
}

/** Each client in turn: it comes again when all others have come. */
export function cold({ count, tokenOf }: ManyClients): Cookies {
  let number = 0
  return () => {
    number = (number + STRIDE) % count
    return `atgate=${tokenOf(number)}`
  }
}

/** @param cookies none for a server that looks at none */
export function currentUser(url: string, cookies: Cookies = () => 'none=0'): Load {
  return {
    url,
    next: () =>
      `POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncookie: ${cookies()}\r\n` +
      `content-length: ${BODY.length}\r\n\r\n${BODY}`,
    expected: '"did":"did:plc:',
  }
}

/** `expected`: what shows that the session was found. */
export function get(
  path: string,
  { url, cookies, expected }: { url: string; cookies: Cookies; expected: string },
): Load {
  return {
    url,
    next: () => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: ${cookies()}\r\n\r\n`,
    expected,
  }
}

export function verify(url: string, cookies: Cookies): Load {
  return get('/auth/verify', { url, cookies, expected: 'x-auth-did: did:plc:' })
}
