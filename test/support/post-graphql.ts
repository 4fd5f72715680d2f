/** What a client posts to `/graphql` that no typed document can say. */
export type GraphqlRequest = { query: string; variables?: unknown; operationName?: string }

/** The answer to a request, as it came over the wire. */
export type WireAnswer = {
  status: number
  /** How long the response is, in bytes. */
  bytes: number
  data: Record<string, unknown> | null
  errors: { message: string; extensions: { code: string } }[]
}

/**
 * The two ways through the gateway: that of an operation sent as JSON, and that of all other requests, which a client
 * takes by asking for a character set. Each is as safe as the other.
 */
export const WAYS = [
  ['the short way', 'application/json'],
  ['Yoga as a whole', 'application/json;charset=utf-8'],
] as const

/** Posts a request to the API as a client without cookies, with a bearer token if it has one. */
export async function postGraphql(
  gatewayUrl: string,
  request: GraphqlRequest,
  { token, accept = 'application/json' }: { token?: string; accept?: string } = {},
): Promise<WireAnswer> {
  const response = await fetch(`${gatewayUrl}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(request),
  })
  const text = await response.text()
  const { data = null, errors = [] } = JSON.parse(text) as Partial<WireAnswer>
  return { status: response.status, bytes: Buffer.byteLength(text), data, errors }
}
