import { LRUCache } from 'lru-cache'
import { MINUTE } from '../platform/clock.ts'
import { createSingleFlight } from '../platform/single-flight.ts'

/** Where accounts live, as far as a call with their grants may rely on it. */
export interface PdsLocations {
  /** The origin of the account's PDS, by a DID document that was read within the last ten minutes. */
  of(did: string): Promise<string>
  /** The same, by the document as it is now. */
  now(did: string): Promise<string>
}

/** How old a document may be. It decides which server gets the account's access token. */
const TRUSTED = 10 * MINUTE

/** From this age on a document is read again, while it is still used: so that calls wait for no directory. */
const RENEWED = 5 * MINUTE

const MAX_ACCOUNTS = 10_000

/**
 * @param options `read`: reads an account's DID document past every cache, and gives the origin of its PDS; `now`: a
 * monotonic clock, in milliseconds
 */
export function createPdsLocations({
  read,
  now = () => performance.now(),
}: {
  read(did: string): Promise<string>
  now?: () => number
}): PdsLocations {
  const known = new LRUCache<string, { origin: string; at: number }>({ max: MAX_ACCOUNTS })
  const reads = createSingleFlight<string>()

  function readAgain(did: string): Promise<string> {
    return reads.run(did, async () => {
      // It is as old as the moment at which it was asked for.
      const at = now()
      const origin = await read(did)
      known.set(did, { origin, at })
      return origin
    })
  }

  return {
    now: readAgain,
    async of(did) {
      const location = known.get(did)
      const age = location === undefined ? Number.POSITIVE_INFINITY : now() - location.at
      if (location === undefined || age >= TRUSTED) return readAgain(did)
      // If that fails, a later call reads again, and waits for it once the document is too old.
      if (age >= RENEWED) readAgain(did).catch(() => undefined)
      return location.origin
    },
  }
}
