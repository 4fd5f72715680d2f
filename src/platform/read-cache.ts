import { LRUCache } from 'lru-cache'
import { SECOND } from './clock.ts'
import { flatCopy } from './flat-copy.ts'

/** Milliseconds that only go on, from any start: no correction of the time of day moves them. */
export type MonotonicClock = () => number

/** Where a cache reads a text, and what it has to know of it. */
export type CachedSource<T> = {
  /** Null when there is no such text. What this rejects with is not kept. */
  load(): Promise<string | null>
  /** What it gives is shared by those who ask for the same text, so none of them may change it: freeze it. */
  parse(text: string): T
  /** The ids of what the text was made of. Once one of them is invalidated, the text is read again. */
  idsIn(value: T): readonly string[]
  /** Whether a kept text may be served now. One that may not is read again. */
  mayServe(value: T): boolean
}

/**
 * Keeps texts that were read a moment ago. A text is trusted for a second from the moment when its read began, so that
 * nobody is answered from an older state, also where another process changes it. Reads of one key that arrive together
 * share one.
 */
export interface ReadCache {
  /**
   * What was parsed of a text that is kept; undefined when it has to be read or parsed. Whether it may be served, the
   * caller decides. Most requests need no more, and so no promise.
   */
  peek<T extends object>(key: string): T | undefined
  /** Null when there is no such text. */
  read<T extends object>(key: string, source: CachedSource<T>): Promise<T | null>
  /** Forgets what was made of these, and what reads that are under way bring of it. Called after each change of one. */
  invalidate(ids: Iterable<string>): void
  /** Forgets everything, as after a change of unknown extent. */
  clear(): void
}

export type ReadCacheOptions = {
  now?: MonotonicClock | undefined
  /** How many bytes it keeps, by an estimate of what an entry takes. */
  maxBytes?: number
}

/** How long a read is trusted. DESIGN and invariant 5: a revoked session is refused within a second. */
const TRUSTED_FOR = 1 * SECOND

/** About 80,000 sessions of one account each. */
const MAX_BYTES = 64 * 1024 * 1024

/** About as many as have space: with a number, the lists of the cache have their length from the start. */
const MAX_ENTRIES = 100_000

/** What an entry takes besides its text: its key, the object, and its places in the map and in the lists. */
const ENTRY_BYTES = 240

/**
 * What was parsed of this many texts is kept too, beside `maxBytes`: for those that are asked for again and again, which
 * are few within a second. Parsed, a session takes several times its text.
 */
const MAX_PARSED = 1000

/** Unknown keys that are remembered, for as long as a read is trusted. */
const MAX_UNKNOWN = 10_000

/**
 * How many numbers of invalidations are kept. Two ids that share one invalidate each other, which costs a read and
 * nothing else. Remembering the ids themselves, or the keys that each id is in, has no bound, or doubles an entry.
 */
const SLOTS = 2 ** 16

/** Whole numbers: they take no space of their own. */
type Read = { readAt: number }
type Entry = Read & { text: string; sequence: number }
type Parsed = { value: unknown; slots: readonly number[] }
type Flight = Read & { text: Promise<string | null>; sequence: number }

export function createReadCache(options: ReadCacheOptions = {}): ReadCache {
  return new BoundedReadCache(options)
}

class BoundedReadCache implements ReadCache {
  readonly #now: MonotonicClock
  readonly #entries: LRUCache<string, Entry>
  readonly #parsed = new LRUCache<Entry, Parsed>({ max: MAX_PARSED })
  /** When a key was found to be unknown. */
  readonly #unknown: LRUCache<string, Read>
  readonly #flights = new Map<string, Flight>()
  /** The number of the last invalidation of the ids of each slot. */
  readonly #invalidated = new Float64Array(SLOTS)
  /** How many invalidations there were. */
  #sequence = 0
  /** The number of the last invalidation of everything. */
  #cleared = 0

  constructor({ now = () => performance.now(), maxBytes = MAX_BYTES }: ReadCacheOptions) {
    this.#now = now
    this.#entries = new LRUCache({ max: MAX_ENTRIES, maxSize: maxBytes, sizeCalculation: bytesOf })
    this.#unknown = new LRUCache({ max: MAX_UNKNOWN })
  }

  peek<T extends object>(key: string): T | undefined {
    // What is in use is read again each second, and is the youngest then: it need not be moved at each use.
    const entry = this.#entries.peek(key)
    if (entry === undefined || !this.#isTrusted(entry)) return undefined
    const parsed = this.#parsed.peek(entry)
    return parsed !== undefined && this.#isCurrent(entry, parsed.slots) ? (parsed.value as T) : undefined
  }

  async read<T extends object>(key: string, source: CachedSource<T>): Promise<T | null> {
    const entry = this.#entries.get(key)
    if (entry !== undefined && this.#isTrusted(entry)) {
      const { value, slots } = this.#parse(entry, source)
      if (this.#isCurrent(entry, slots) && source.mayServe(value)) return value
    }
    const unknown = this.#unknown.get(key)
    if (unknown !== undefined && this.#isTrusted(unknown)) return null
    return this.#load(key, source)
  }

  invalidate(ids: Iterable<string>): void {
    this.#sequence++
    for (const id of ids) this.#invalidated[slotOf(id)] = this.#sequence
  }

  clear(): void {
    this.#cleared = ++this.#sequence
    this.#entries.clear()
    this.#parsed.clear()
    this.#unknown.clear()
  }

  #parse<T>(entry: Entry, source: CachedSource<T>): Parsed & { value: T } {
    const kept = this.#parsed.get(entry)
    // The texts of a key are all of one source.
    if (kept !== undefined) return kept as Parsed & { value: T }
    const value = source.parse(entry.text)
    const parsed = { value, slots: source.idsIn(value).map(slotOf) }
    this.#parsed.set(entry, parsed)
    return parsed
  }

  async #load<T>(key: string, source: CachedSource<T>): Promise<T | null> {
    const underWay = this.#flights.get(key)
    // A read after an invalidation must see what it was about, which a read that began before may not.
    const isShared = underWay?.sequence === this.#sequence && this.#isTrusted(underWay)
    const flight = isShared ? underWay : this.#begin(key, source.load)
    const text = await flight.text
    const value = text === null ? null : source.parse(text)
    if (!isShared && (value === null || source.mayServe(value))) this.#keep(key, text, flight)
    return value
  }

  #begin(key: string, load: CachedSource<unknown>['load']): Flight {
    const flight: Flight = {
      readAt: Math.floor(this.#now()),
      sequence: this.#sequence,
      text: load().finally(() => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
      }),
    }
    this.#flights.set(key, flight)
    return flight
  }

  #keep(key: string, text: string | null, { readAt, sequence }: Flight): void {
    if (sequence < this.#cleared) return
    if (text === null) {
      this.#unknown.set(flatCopy(key), { readAt })
      return
    }
    const kept = this.#entries.peek(key)
    // Two reads of a key may be under way, and the older one may end last.
    if (kept !== undefined && (kept.readAt > readAt || kept.sequence > sequence)) return
    this.#entries.set(flatCopy(key), { text, readAt, sequence })
  }

  #isTrusted({ readAt }: Read): boolean {
    return this.#now() - readAt < TRUSTED_FOR
  }

  /** Whether nothing that the entry was made of was invalidated since its read began. */
  #isCurrent({ sequence }: Entry, slots: readonly number[]): boolean {
    return slots.every((slot) => (this.#invalidated[slot] ?? 0) <= sequence)
  }
}

/** FNV-1a. Somebody who chooses ids that share a slot brings about reads, as anybody who sends requests does. */
function slotOf(id: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 16)) & (SLOTS - 1)
}

/** V8 stores a text in one byte a character, or in two if one of them is not ASCII. */
function bytesOf({ text }: Entry): number {
  return text.length * (IS_ASCII.test(text) ? 1 : 2) + ENTRY_BYTES
}

const IS_ASCII = /^[\t\n\r -~]*$/
