/** What was broken when, by `performance.now()`. */
export type FaultLog = {
  /** Breaks something and notes how long that took. `losesEntries`: Redis is empty afterwards. */
  during(name: string, work: () => Promise<void>, options?: { losesEntries?: boolean }): Promise<void>
  touches(from: number, to: number): boolean
  names(from: number, to: number): string[]
  /** Whether what was in Redis at that time may be gone. */
  hasLostEntriesSince(from: number): boolean
}

type Fault = { name: string; from: number; to: number; losesEntries: boolean }

export function createFaultLog(): FaultLog {
  const faults: Fault[] = []
  const overlapping = (from: number, to: number) => faults.filter((fault) => fault.from <= to && from <= fault.to)
  return {
    async during(name, work, { losesEntries = false } = {}) {
      const fault = { name, from: performance.now(), to: Number.POSITIVE_INFINITY, losesEntries }
      faults.push(fault)
      try {
        await work()
      } finally {
        fault.to = performance.now()
      }
    },
    touches: (from, to) => overlapping(from, to).length > 0,
    names: (from, to) => overlapping(from, to).map(({ name }) => name),
    hasLostEntriesSince: (from) => faults.some(({ losesEntries, to }) => losesEntries && to >= from),
  }
}
