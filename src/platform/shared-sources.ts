/**
 * Where events come from. Opening it calls `tell` for each event, until the function that it resolves to is called,
 * which never rejects.
 */
export type Source<E> = (tell: (event: E) => void) => Promise<() => Promise<void>>

/** Sources that many listen to and that are open once. */
export interface SharedSources {
  /**
   * Listens to the source of this key, which the first listener opens. The returned function leaves it; the last to
   * leave closes it. Rejects for all who wait for the source when it does not open.
   */
  join<E>(key: string, source: Source<E>, listener: (event: E) => void): Promise<() => void>
}

type Shared = { listeners: Set<(event: never) => void>; opened: Promise<() => Promise<void>> }

export function createSharedSources(): SharedSources {
  const sources = new Map<string, Shared>()

  function open<E>(key: string, source: Source<E>): Shared {
    const listeners = new Set<(event: E) => void>()
    const opened = source((event) => {
      for (const listener of [...listeners]) listener(event)
    })
    const shared: Shared = { listeners, opened }
    sources.set(key, shared)
    return shared
  }

  function leave(key: string, shared: Shared, listener: (event: never) => void): void {
    if (!shared.listeners.delete(listener) || shared.listeners.size > 0) return
    if (sources.get(key) === shared) sources.delete(key)
    shared.opened.then(
      (close) => close(),
      () => undefined,
    )
  }

  return {
    async join(key, source, listener) {
      const shared = sources.get(key) ?? open(key, source)
      shared.listeners.add(listener)
      try {
        await shared.opened
      } catch (error) {
        leave(key, shared, listener)
        throw error
      }
      return () => leave(key, shared, listener)
    },
  }
}
