import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import { authenticate } from '../sessions/authenticate.ts'
import type { ClientCookies, ClientRequest } from '../sessions/client-request.ts'
import { keepAlive } from '../sessions/keep-alive.ts'
import { requireNotReplaced } from '../sessions/still-active.ts'
import type { Viewer } from '../sessions/viewer.ts'

/** What every resolver gets. */
export type Context = {
  gateway: Gateway
  clientRequest: ClientRequest
  cookies: ClientCookies
  /** Returns who makes the request, or null. Looked up once, when a field first asks. */
  viewer(): Promise<Viewer | null>
  /** Makes the rest of the request act as this viewer, after an exchange or a switch. */
  continueAs(viewer: Viewer): void
}

/** What the HTTP layer passes with each request. */
export type ServerContext = { clientRequest: ClientRequest; cookies: ClientCookies }

export function createContext(gateway: Gateway, { clientRequest, cookies }: ServerContext): Context {
  let viewer: Promise<Viewer | null> | undefined
  return {
    gateway,
    clientRequest,
    cookies,
    viewer() {
      viewer ??= identify(gateway, clientRequest)
      return viewer
    },
    continueAs(next) {
      viewer = Promise.resolve(next)
    },
  }
}

/** Authenticates the request. A session that is used is kept alive, in the background. */
async function identify(gateway: Gateway, clientRequest: ClientRequest): Promise<Viewer | null> {
  const viewer = await authenticate(gateway, clientRequest)
  if (viewer !== null) keepAlive(gateway, viewer)
  return viewer
}

/** Returns the viewer of a field that only signed-in clients reach. */
export async function signedInViewer(context: Context): Promise<Viewer> {
  const viewer = await context.viewer()
  if (viewer === null) throw unauthenticated()
  return viewer
}

/** Returns the viewer of a field that changes something. */
export async function actingViewer(context: Context): Promise<Viewer> {
  const viewer = await signedInViewer(context)
  requireNotReplaced(viewer)
  return viewer
}

export function unauthenticated(): GatewayError {
  return new GatewayError('UNAUTHENTICATED', 'Nobody is signed in, or the session has ended. Sign in first.')
}
