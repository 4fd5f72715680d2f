/** A response that is not a success. */
export class XrpcError extends Error {
  override readonly name = 'XrpcError'
  readonly status: number

  constructor(nsid: string, status: number, body: string) {
    super(`${nsid}: ${status} ${body}`)
    this.status = status
  }
}

type Call = {
  nsid: string
  params?: Record<string, string>
  body?: unknown
  token?: string
}

/**
 * Calls an XRPC method of a server: a procedure if there is a body, else a query.
 * @throws XrpcError
 */
export async function callXrpc<T>(serverUrl: string, { nsid, params = {}, body, token }: Call): Promise<T> {
  const url = new URL(`/xrpc/${nsid}?${new URLSearchParams(params)}`, serverUrl)
  const isBytes = body instanceof Uint8Array
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(body === undefined ? {} : { 'content-type': isBytes ? 'image/png' : 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: body === undefined ? null : isBytes ? Buffer.from(body) : JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new XrpcError(nsid, response.status, text)
  return JSON.parse(text) as T
}
