import type { Gateway } from '../gateway.ts'
import { authenticate } from '../sessions/authenticate.ts'
import type { Client } from '../sessions/client.ts'
import type { ClientCookies, ClientRequest } from '../sessions/client-request.ts'
import { actAs } from '../sessions/identify.ts'
import { type Caller, forbiddenForDeveloperTokens, unauthenticated, type Viewer } from '../sessions/viewer.ts'

/** What every resolver gets. */
export type Context = {
  gateway: Gateway
  clientRequest: ClientRequest
  cookies: ClientCookies
  whenGone: WhenGone
  /** What the request's token proves, or null. Looked up once, when a field first asks. */
  caller(): Promise<Caller | null>
  /**
   * Who the request acts as, or null.
   * @throws GatewayError ACCOUNT_CHANGED
   */
  viewer(): Promise<Viewer | null>
  /** Looks the caller up again for the rest of the document, after a change of who is signed in. */
  forgetCaller(): void
  /** The id of the session that counts as the request's own. */
  currentSessionId(): Promise<string | null>
  /** Makes the payload of an exchange describe the state after the token's first use, in which this session is current. */
  describeAsUsed(currentSessionId: string | null): void
}

/** What the HTTP layer passes with each request. */
export type ServerContext = {
  clientRequest: ClientRequest
  cookies: ClientCookies
  whenGone: WhenGone
  /** Takes over the results of a subscription. The response has the head of the answer only. */
  sendEvents<R>(results: AsyncIterable<R>, text: StreamText<R>): void
}

/** What is written of each result of a stream, and of an error by which it ends. */
type StreamText<R> = { dataOf(result: R): string; failureOf(error: unknown): string }

/** Registers what is called when the answer has ended or its client has gone; at once, if that is so already. */
export type WhenGone = (listener: () => void) => void

export function createContext(gateway: Gateway, { clientRequest, cookies, whenGone }: ServerContext): Context {
  let caller: Promise<Caller | null> | undefined
  let viewer: Promise<Viewer | null> | undefined
  let afterUse: { currentSessionId: string | null } | undefined

  function lookUp(): Promise<Caller | null> {
    caller ??= authenticate(gateway, clientRequest)
    return caller
  }

  function act(): Promise<Viewer | null> {
    viewer ??= lookUp().then((found) => actAs(gateway, found, clientRequest.account))
    return viewer
  }

  // Functions of no object: the server copies them to another one.
  return {
    gateway,
    clientRequest,
    cookies,
    whenGone,
    caller: lookUp,
    viewer: act,
    forgetCaller() {
      caller = undefined
      viewer = undefined
      afterUse = undefined
    },
    async currentSessionId() {
      return afterUse === undefined ? ((await act())?.session.id ?? null) : afterUse.currentSessionId
    },
    describeAsUsed(currentSessionId) {
      afterUse = { currentSessionId }
    },
  }
}

/**
 * Empties the context of a subscription, whose results need nothing of it. A stream lasts an hour, and would keep the
 * request all the while, with what was looked up to answer it.
 */
export function forgetRequest(context: ServerContext): void {
  Object.assign(context, Object.fromEntries(Object.keys(context).map((key) => [key, undefined])))
}

/**
 * Who the request acts as, for fields that need somebody.
 * @throws GatewayError UNAUTHENTICATED
 */
export async function requireViewer(context: Context): Promise<Viewer> {
  const viewer = await context.viewer()
  if (viewer === null) throw unauthenticated(await context.caller())
  return viewer
}

/**
 * What holds the request's token, for fields that a developer token does not reach. Its active account may have ended.
 * @throws GatewayError UNAUTHENTICATED, FORBIDDEN
 */
export async function requireClient(context: Context): Promise<Client> {
  const caller = await context.caller()
  if (caller === null) throw unauthenticated(null)
  if (caller.client === null) throw forbiddenForDeveloperTokens()
  return caller.client
}

/**
 * A client that acts as an account, for fields that a developer token does not reach.
 * @throws GatewayError UNAUTHENTICATED, FORBIDDEN
 */
export async function requireAccount(context: Context): Promise<{ client: Client; viewer: Viewer }> {
  const client = await requireClient(context)
  return { client, viewer: await requireViewer(context) }
}
