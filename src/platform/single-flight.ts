/** Runs one piece of work a key at a time. Callers that ask for a key while its work goes on share the outcome. */
export interface SingleFlight<T> {
  run(key: string, work: () => Promise<T>): Promise<T>
  /** What goes on now. */
  running(): Promise<T>[]
}

export function createSingleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>()
  return {
    run(key, work) {
      const underWay = flights.get(key)
      if (underWay !== undefined) return underWay
      const flight = work().finally(() => flights.delete(key))
      flights.set(key, flight)
      return flight
    },
    running: () => [...flights.values()],
  }
}
