import { Agent } from '@atproto/api'

/**
 * An agent for a page: it calls the PDS of an account that is signed in at the gateway, and holds no token.
 * @param account `did`: the account that the page shows, as `currentUser.did` gives it
 */
export function pageAgent(gatewayUrl: string, { did }: { did: string }): Agent {
  return new Agent({
    did: did as `did:${string}:${string}`,
    fetchHandler(path, init) {
      const headers = new Headers(init?.headers)
      // The call acts as this account, whichever is the active one by now, or not at all.
      headers.set('atgate-account', did)
      return fetch(new URL(path, gatewayUrl), { ...init, headers, credentials: 'include' })
    },
  })
}

/** Writes a post with a picture. */
export async function post(agent: Agent, { text, picture }: { text: string; picture?: Blob }): Promise<string> {
  const images = picture === undefined ? [] : [{ image: (await agent.uploadBlob(picture)).data.blob, alt: '' }]
  const { uri } = await agent.post({
    text,
    ...(images.length === 0 ? {} : { embed: { $type: 'app.bsky.embed.images', images } }),
  })
  return uri
}
