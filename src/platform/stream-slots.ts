import { GatewayError } from './errors.ts'

/** How many event streams one token may have open in a process. Each open tab has one. */
const PER_TOKEN = 20

/** How many there may be in a process: each holds a connection, and some 20 KB. */
const IN_ALL = 5000

/** In seconds. */
const RETRY_AFTER = 30

/** The event streams that are open in this process. */
export interface StreamSlots {
  /**
   * Takes the place of a stream. The function that it returns gives the place back, once.
   * @throws GatewayError RATE_LIMITED
   */
  take(tokenId: string): () => void
  /** How many are taken. */
  open(): number
}

export function createStreamSlots({ perToken = PER_TOKEN, inAll = IN_ALL } = {}): StreamSlots {
  const taken = new Map<string, number>()
  let total = 0

  function change(tokenId: string, by: 1 | -1): void {
    total += by
    const count = (taken.get(tokenId) ?? 0) + by
    if (count === 0) taken.delete(tokenId)
    else taken.set(tokenId, count)
  }

  return {
    open: () => total,
    take(tokenId) {
      if ((taken.get(tokenId) ?? 0) >= perToken) throw tooMany(`This token has ${perToken} event streams open.`)
      if (total >= inAll) throw tooMany('Too many event streams are open.')
      change(tokenId, 1)
      let isTaken = true
      return () => {
        if (isTaken) change(tokenId, -1)
        isTaken = false
      }
    },
  }
}

function tooMany(problem: string): GatewayError {
  return new GatewayError('RATE_LIMITED', `${problem} Close some, or try again later.`, { retryAfter: RETRY_AFTER })
}
