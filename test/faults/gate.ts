/** Lets through, or makes wait until it is opened. */
export type Gate = {
  close(): void
  open(): void
  /** Resolves when it is open. */
  passed(): Promise<void>
}

export function createGate(): Gate {
  let closed: PromiseWithResolvers<void> | null = null
  return {
    close() {
      closed ??= Promise.withResolvers<void>()
    },
    open() {
      closed?.resolve()
      closed = null
    },
    passed: async () => closed?.promise,
  }
}
