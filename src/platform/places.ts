/** Places for work that is under way, of which each key has a number. */
export interface Places {
  /** Takes a place. The function that it returns gives it back, once. Null when none is free. */
  take(key: string): (() => void) | null
}

export function createPlaces(perKey: number): Places {
  const taken = new Map<string, number>()

  function leave(key: string): void {
    const left = (taken.get(key) ?? 1) - 1
    if (left === 0) taken.delete(key)
    else taken.set(key, left)
  }

  return {
    take(key) {
      const count = taken.get(key) ?? 0
      if (count >= perKey) return null
      taken.set(key, count + 1)
      let isTaken = true
      return () => {
        if (isTaken) leave(key)
        isTaken = false
      }
    },
  }
}
