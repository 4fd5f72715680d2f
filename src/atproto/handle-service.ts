import { type Fetch, type HandleResolver, isAtprotoDid } from '@atproto/oauth-client-node'
import { z } from 'zod'

const found = z.object({ did: z.string().refine(isAtprotoDid) })
const refused = z.object({ error: z.string() })

/**
 * Resolves handles by asking a server (`com.atproto.identity.resolveHandle`). Not by the library's resolver, which
 * takes the answer of current PDSes to an unknown handle (`HandleNotFound`) for an outage.
 */
export function createHandleService(serviceUrl: string, fetch: Fetch): HandleResolver {
  return {
    async resolve(handle, { signal } = {}) {
      const url = new URL('/xrpc/com.atproto.identity.resolveHandle', serviceUrl)
      url.searchParams.set('handle', handle)
      const response = await fetch(new Request(url, { redirect: 'error', signal: signal ?? null }))
      const body: unknown = await response.json()
      if (response.ok) return found.parse(body).did
      const { error } = refused.parse(body)
      // Older PDSes say InvalidRequest of an unknown handle; the handle's form was checked before it was sent.
      if (response.status === 400 && (error === 'HandleNotFound' || error === 'InvalidRequest')) return null
      throw new Error(`the handle resolver answered ${response.status} ${error}`)
    },
  }
}
