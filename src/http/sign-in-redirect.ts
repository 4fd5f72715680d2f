import type { FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'
import { mayGoOnTo } from './next.ts'
import { isNavigation } from './respond.ts'
import type { TrustedPeer } from './trusted-peer.ts'

type Options = {
  config: Pick<Config, 'publicUrl' | 'portalPath' | 'allowedOrigins' | 'serviceOrigins'>
  trusts: TrustedPeer
}

/** In characters, with the portal's address: the longest return address of a flow, in which the rest is carried. */
const LONGEST = 2048

/**
 * Where a person who is not signed in is sent from a service: to the portal's sign-in, which goes on to `next`, the page
 * that they wanted. Null for what is no page, such as a call of a script or a form: those are told 401.
 */
export function signInRedirect(request: FastifyRequest, { config, trusts }: Options): string | null {
  if (!isNavigation(request)) return null
  const forwarded = trusts(request) ? forwardedRequest(request) : null
  if (forwarded !== null && !/^(GET|HEAD)$/i.test(forwarded.method)) return null
  const portal = new URL(config.portalPath, config.publicUrl).href
  const wanted = forwarded === null ? null : URL.parse(forwarded.url)
  if (wanted === null || !mayGoOnTo(wanted, config)) {
    request.log.info({ wanted: wanted?.origin ?? null }, 'no way back to the service: see TRUST_PROXY, SERVICE_ORIGINS')
    return portal
  }
  const candidates = [wanted.href, wanted.origin].map((next) => `${portal}?${new URLSearchParams({ next })}`)
  return candidates.find((url) => url.length <= LONGEST) ?? portal
}

/** The request that a proxy asks about, by what it says of it; null when it says too little. */
function forwardedRequest({ headers }: FastifyRequest): { method: string; url: string } | null {
  const uri = headers['x-forwarded-uri']
  const [proto, host, method] = ['proto', 'host', 'method'].map((name) => lastOf(headers[`x-forwarded-${name}`]))
  if (proto === undefined || host === undefined || typeof uri !== 'string' || !uri.startsWith('/')) return null
  return { method: method ?? 'GET', url: `${proto}://${host}${uri}` }
}

/** What the nearest proxy has added, where several have. */
function lastOf(value: string | string[] | undefined): string | undefined {
  return [value ?? []].flat().join(',').split(',').at(-1)?.trim() || undefined
}
