/** What a server takes. */
export type Acceptable<T> = { pushed: T; taken: readonly string[]; refused: readonly string[] }

/** How often a server is asked for one flow, at most. Enough to find one refused scope among sixteen. */
const MAX_PUSHES = 8

/**
 * Finds as many optional scopes as a server takes: a refusal does not say which of them it means. First all of them,
 * then none, then one half after the other.
 * @param push asks for these optional scopes, beside the required ones; null when the server refuses one of the scopes
 * @returns the last push that was taken, and what is known of each scope; null when the server does not even take the
 *   required ones
 */
export async function findAcceptable<T>(
  optional: readonly string[],
  push: (optional: readonly string[]) => Promise<T | null>,
): Promise<Acceptable<T> | null> {
  const all = await push(optional)
  if (all !== null) return { pushed: all, taken: optional, refused: [] }
  if (optional.length === 0) return null
  const none = await push([])
  if (none === null) return null

  let found: Acceptable<T> = { pushed: none, taken: [], refused: [] }
  let pushes = 2

  async function tryAll(scopes: readonly string[], isKnownToFail = false): Promise<void> {
    if (pushes >= MAX_PUSHES && !(isKnownToFail && scopes.length === 1)) return
    if (!isKnownToFail) {
      pushes++
      const pushed = await push([...found.taken, ...scopes])
      if (pushed !== null) {
        found = { ...found, pushed, taken: [...found.taken, ...scopes] }
        return
      }
    }
    if (scopes.length === 1) {
      found = { ...found, refused: [...found.refused, ...scopes] }
      return
    }
    const half = Math.ceil(scopes.length / 2)
    await tryAll(scopes.slice(0, half))
    await tryAll(scopes.slice(half))
  }
  await tryAll(optional, true)
  return found
}
