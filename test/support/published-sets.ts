import type { FetchPermissionSet } from '../../src/atproto/scopes/fetch-permission-set.ts'
import type { KnownSets } from '../../src/atproto/scopes/permission-set.ts'

/** Fetches from these sets. All others cannot be fetched. */
export function publishedIn(sets: KnownSets): FetchPermissionSet {
  return async (nsid) => {
    const set = sets(nsid)
    if (set === null) throw new Error(`${nsid} is not published`)
    return { ...set, did: 'did:web:publisher.test', cid: 'bafyreib' }
  }
}
