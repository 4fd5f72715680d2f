import { type Clock, MINUTE, SECOND } from '../../platform/clock.ts'

/** More than a process has pending in any but a flood: at 3 KB a flow, the bytes are reached first. */
const MAX_ENTRIES = 100_000
const MAX_BYTES = 64 * 1024 * 1024
/** What an entry costs besides its text: the objects and its place in the map. */
const ENTRY_BYTES = 200

/** The share of the space above which nothing new should begin. The rest is for what has begun already. */
const NEARLY_FULL = 0.9

/** Expired entries are removed this often while the space suffices, and while it does not. */
const SWEEP_INTERVAL = MINUTE
const SWEEP_INTERVAL_WHEN_FULL = SECOND

type Entry = { value: string; expiresAt: number }

/** The entries do not fit. */
export class OutOfSpace extends Error {
  override readonly name = 'OutOfSpace'
}

/**
 * Texts that expire, in bounded memory. An entry that has not expired is never removed to make space for another one: a
 * flood would push out what other people wait for.
 */
export class BoundedEntries {
  readonly #entries = new Map<string, Entry>()
  readonly #clock: Clock
  #bytes = 0
  #sweptAt: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#sweptAt = clock()
  }

  /** @throws OutOfSpace */
  set(key: string, value: string, ttlMs: number): void {
    this.delete(key)
    const bytes = bytesOf(key, value)
    this.#sweep(this.#fits(bytes) ? SWEEP_INTERVAL : SWEEP_INTERVAL_WHEN_FULL)
    if (!this.#fits(bytes)) throw new OutOfSpace('no space for another entry')
    this.#entries.set(key, { value, expiresAt: this.#clock() + ttlMs })
    this.#bytes += bytes
  }

  get(key: string): string | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    if (entry.expiresAt > this.#clock()) return entry.value
    this.delete(key)
    return null
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= bytesOf(key, entry.value)
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  /** Whether only the part of the space is left that is for what has begun already. */
  get isNearlyFull(): boolean {
    if (this.#isAbove(NEARLY_FULL)) this.#sweep(SWEEP_INTERVAL_WHEN_FULL)
    return this.#isAbove(NEARLY_FULL)
  }

  #isAbove(share: number): boolean {
    return this.#entries.size >= share * MAX_ENTRIES || this.#bytes >= share * MAX_BYTES
  }

  #fits(bytes: number): boolean {
    return this.#entries.size < MAX_ENTRIES && this.#bytes + bytes <= MAX_BYTES
  }

  /** Removes what has expired. It looks at every entry, so it does that once in an interval only. */
  #sweep(interval: number): void {
    const now = this.#clock()
    if (now - this.#sweptAt < interval) return
    this.#sweptAt = now
    for (const [key, { expiresAt }] of this.#entries) if (expiresAt <= now) this.delete(key)
  }
}

function bytesOf(key: string, value: string): number {
  return Buffer.byteLength(key) + Buffer.byteLength(value) + ENTRY_BYTES
}
