/** What a backend knows of a visitor: the cookie header of the request, and the DID that `/auth/verify` gave for it. */
export type Visitor = { cookie: string; did: string }

/**
 * Calls the PDS of a visitor from a backend on the gateway's host, with the visitor's own session. The account's header
 * says which of the visitor's accounts is meant; a call by cookie without an `Origin` needs it.
 */
export async function callForVisitor(
  gatewayUrl: string,
  { cookie, did }: Visitor,
  { nsid, body }: { nsid: string; body?: object },
): Promise<unknown> {
  const response = await fetch(new URL(`/xrpc/${nsid}`, gatewayUrl), {
    method: body === undefined ? 'GET' : 'POST',
    headers: { cookie, 'atgate-account': did, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const answer = (await response.json()) as { error?: string; message?: string }
  if (response.ok) return answer
  // Only errors of the gateway itself have this header: the visitor has to sign in, or it is worth another try.
  const isOfGateway = response.headers.has('atgate-error')
  throw new Error(`${isOfGateway ? 'the gateway' : 'the PDS'} answered ${answer.error}: ${answer.message}`)
}
