/** A reader that leaves this many events unread is cut off. */
const MAX_UNREAD = 100

const DONE = { value: undefined, done: true } as const

/**
 * Events that are pushed, as an async iterator for one reader. Not a generator: one that waits for an event cannot be
 * ended from outside. What was pushed before the end is delivered first.
 */
export class PushedEvents<T> implements AsyncIterableIterator<T, undefined> {
  #unread: T[] | undefined
  #reader: PromiseWithResolvers<IteratorResult<T, undefined>> | undefined
  #isOver = false
  #failure: { reason: unknown } | undefined
  #onOver: (() => void) | undefined

  /** `onOver` is called once, as soon as nothing more is accepted: at the end, a failure, or when the reader leaves. */
  constructor(onOver: () => void) {
    this.#onOver = onOver
  }

  get isOver(): boolean {
    return this.#isOver
  }

  push(value: T): void {
    if (this.#isOver) return
    if (this.#reader === undefined) {
      this.#unread ??= []
      if (this.#unread.push(value) > MAX_UNREAD) this.end()
      return
    }
    const reader = this.#reader
    this.#reader = undefined
    reader.resolve({ value, done: false })
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reader?.resolve(DONE)
    this.#reader = undefined
    this.#onOver?.()
    this.#onOver = undefined
  }

  /** The reader is given the reason, once, after what was pushed before. */
  fail(reason: unknown): void {
    if (this.#isOver) return
    if (this.#reader === undefined) this.#failure = { reason }
    else this.#reader.reject(reason)
    this.#reader = undefined
    this.end()
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const value = this.#unread?.shift()
    if (value !== undefined) return Promise.resolve({ value, done: false })
    if (this.#failure !== undefined) {
      const { reason } = this.#failure
      this.#failure = undefined
      return Promise.reject(reason)
    }
    if (this.#isOver) return Promise.resolve(DONE)
    this.#reader ??= Promise.withResolvers()
    return this.#reader.promise
  }

  /** The reader leaves. What it has not read it does not get. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#unread = undefined
    this.#failure = undefined
    this.end()
    return Promise.resolve(DONE)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
