import type { Fetch } from '@atproto/oauth-client-node'
import { z } from 'zod'
import { SECOND } from '../platform/clock.ts'
import type { Identities } from './identity.ts'

type Parts = { identities: Pick<Identities, 'lookUp'>; fetch: Fetch }

const TIMEOUT = 5 * SECOND

const refusal = z.object({ error: z.literal('RepoNotFound') })

/**
 * Whether the PDS that an account's DID document names has it: it may have been deleted there, or have moved. False only
 * if the PDS says so; true when it cannot be asked. Never rejects.
 */
export async function isAccountKnown({ identities, fetch }: Parts, did: string): Promise<boolean> {
  try {
    const { pdsUrl } = await identities.lookUp(did)
    const url = new URL(`/xrpc/com.atproto.sync.getRepoStatus?${new URLSearchParams({ did })}`, pdsUrl)
    const response = await fetch(new Request(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT) }))
    return response.ok || !refusal.safeParse(await response.json()).success
  } catch {
    return true
  }
}
