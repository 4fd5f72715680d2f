/** Work that nobody waits for but the end of the process. */
export interface Background {
  /** Takes on work that never rejects. */
  add(work: Promise<void>): void
  /** Waits for what is under way. */
  settle(): Promise<void>
}

export function createBackground(): Background {
  const underWay = new Set<Promise<void>>()
  return {
    add(work) {
      underWay.add(work)
      void work.finally(() => underWay.delete(work))
    },
    async settle() {
      while (underWay.size > 0) await Promise.allSettled(underWay)
    },
  }
}
