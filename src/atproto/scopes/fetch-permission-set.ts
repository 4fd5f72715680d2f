import { LexResolver } from '@atproto/lex-resolver'
import type { Fetch } from '@atproto/oauth-client-node'
import { z } from 'zod'
import type { Identities } from '../identity.ts'
import type { FindAuthority } from './lexicon-authority.ts'
import type { PermissionSet } from './permission-set.ts'

/** A permission set as it is published now: by which repository, and as which record. */
export type PublishedSet = PermissionSet & { did: string; cid: string }

/**
 * Fetches a permission set from the repository that publishes it, and verifies that this repository has signed it.
 * @throws Error when it is not published, is no permission set, or cannot be fetched now
 */
export type FetchPermissionSet = (nsid: string, options: { signal: AbortSignal }) => Promise<PublishedSet>

/** In characters of JSON. Sets have a few thousand. */
const LARGEST = 64 * 1024

const definition = z.object({
  type: z.literal('permission-set'),
  title: z.string().exactOptional(),
  detail: z.string().exactOptional(),
  permissions: z.array(z.looseObject({ type: z.literal('permission'), resource: z.string() })),
})

/**
 * Reads the main definition of a permission set's lexicon. Its texts are in the language that it is published in.
 * @throws ZodError
 */
export function parseDefinition(value: unknown): PermissionSet['definition'] {
  return definition.parse(value) as PermissionSet['definition']
}

type Parts = {
  /** For addresses that strangers publish. */
  fetch: Fetch
  documents: Identities['documents']
  findAuthority: FindAuthority
}

/** Resolves permission sets as the reference server does, by the same library. */
export function createFetchPermissionSet({ fetch, documents, findAuthority }: Parts): FetchPermissionSet {
  const lexicons = new LexResolver({
    // A redirect would lead past the host that the DID document names.
    fetch: (input, init) => fetch(new Request(input, { ...init, redirect: 'error' })),
    didResolver: documents,
    hooks: { onResolveAuthority: ({ nsid }) => findAuthority(nsid) },
  })
  return async (nsid, { signal }) => {
    const { uri, cid, lexicon } = await lexicons.get(nsid, { signal })
    // As it is stored and read again: what JSON cannot express is left out.
    const json = JSON.stringify(lexicon.defs.main ?? null)
    if (json.length > LARGEST) throw new Error(`a permission set of more than ${LARGEST} characters`)
    return { nsid, did: uri.host, cid: cid.toString(), definition: parseDefinition(JSON.parse(json)) }
  }
}
