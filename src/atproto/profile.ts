import { z } from 'zod'
import type { Config } from '../config/config.ts'
import { SECOND } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import { displayable } from './displayable.ts'
import type { Identity } from './identity.ts'
import { createSafeFetch } from './safe-fetch.ts'

/** How an account presents itself. */
export type Profile = { displayName: string | null; avatarUrl: string | null }

/** Reads profiles. */
export interface Profiles {
  /** The profile record on the account's own PDS, which is public; null when it cannot be read now. Never rejects. */
  read(identity: Identity): Promise<Profile | null>
}

/** The profile is optional: sign-in does not wait longer for it. */
const TIMEOUT = 3 * SECOND
const LONGEST_NAME = 640
/** In characters. Those of blobs have 59. */
const LONGEST_CID = 256

const answer = z.object({
  value: z.object({
    displayName: z.string().optional().catch(undefined),
    avatar: z
      .object({ ref: z.object({ $link: z.string().max(LONGEST_CID) }) })
      .optional()
      .catch(undefined),
  }),
})
const refusal = z.object({ error: z.string() })

export function createProfiles(config: Config, logger: Logger): Profiles {
  const fetch = createSafeFetch({ allowInsecure: config.oauth.allowInsecurePds })

  async function fetchProfile({ did, pdsUrl }: Identity): Promise<Profile | null> {
    const url = xrpcUrl(pdsUrl, 'com.atproto.repo.getRecord', {
      repo: did,
      collection: 'app.bsky.actor.profile',
      rkey: 'self',
    })
    const response = await fetch(new Request(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT) }))
    const body: unknown = await response.json()
    if (!response.ok) return refusal.parse(body).error === 'RecordNotFound' ? NO_PROFILE : null
    const { displayName, avatar } = answer.parse(body).value
    return {
      displayName: displayable(displayName ?? '').slice(0, LONGEST_NAME) || null,
      avatarUrl:
        avatar === undefined ? null : xrpcUrl(pdsUrl, 'com.atproto.sync.getBlob', { did, cid: avatar.ref.$link }).href,
    }
  }

  return {
    async read(identity) {
      try {
        return await fetchProfile(identity)
      } catch (error) {
        logger.info({ err: error, did: identity.did }, 'profile not read')
        return null
      }
    },
  }
}

const NO_PROFILE: Profile = { displayName: null, avatarUrl: null }

function xrpcUrl(pdsUrl: string, nsid: string, params: Record<string, string>): URL {
  return new URL(`/xrpc/${nsid}?${new URLSearchParams(params)}`, pdsUrl)
}
