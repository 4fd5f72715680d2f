import { beforeEach, describe, expect, it } from 'vitest'
import { type CachedSource, createReadCache, type ReadCache } from '../../src/platform/read-cache.ts'
import { cutOutOfHeaders, heldAfter } from '../support/held-memory.ts'

const SECOND = 1000

describe('a read cache', () => {
  let now: number
  let cache: ReadCache
  let reads: number
  /** What the store holds: texts such as `id1,id2`. */
  let stored: Map<string, string>
  let mayServe: boolean

  beforeEach(() => {
    now = 0
    reads = 0
    stored = new Map([['key', 'a,b']])
    mayServe = true
    cache = createReadCache({ now: () => now })
  })

  const source = (key: string, load?: CachedSource<string[]>['load']): CachedSource<string[]> => ({
    async load() {
      reads++
      return load === undefined ? (stored.get(key) ?? null) : load()
    },
    parse: (text) => text.split(','),
    idsIn: (ids) => ids,
    mayServe: () => mayServe,
  })
  const read = (key = 'key') => cache.read(key, source(key))

  it('reads once a second', async () => {
    const [first, second] = [await read(), await read()]
    expect([first, second, reads]).toEqual([['a', 'b'], ['a', 'b'], 1])
    now = SECOND - 1
    await read()
    expect(reads).toBe(1)
    now = SECOND
    stored.set('key', 'c')
    expect([await read(), reads]).toEqual([['c'], 2])
  })

  it('has what was parsed at once for those who peek, for as long as it counts', async () => {
    await read()
    // It was not parsed to be kept: most texts are asked for once.
    expect(cache.peek('key')).toBeUndefined()
    const parsed = await read()
    expect(cache.peek('key')).toBe(parsed)
    expect(cache.peek('other')).toBeUndefined()
    now = SECOND - 1
    expect(cache.peek('key')).toBe(parsed)
    now = SECOND
    expect(cache.peek('key')).toBeUndefined()
  })

  it.each([
    ['one of its ids', () => cache.invalidate(['b'])],
    ['everything', () => cache.clear()],
  ])('has nothing for those who peek once %s was invalidated', async (_what, invalidate) => {
    await read()
    await read()
    invalidate()
    expect(cache.peek('key')).toBeUndefined()
  })

  it('counts the second from when the read began', async () => {
    const slow = source('key', async () => {
      now = SECOND - 1
      return 'a'
    })
    await cache.read('key', slow)
    await read()
    expect(reads).toBe(1)
    now = SECOND
    await read()
    expect(reads).toBe(2)
  })

  it('lets those who ask together share one read', async () => {
    const both = await Promise.all([read(), read()])
    expect([both, reads]).toEqual([
      [
        ['a', 'b'],
        ['a', 'b'],
      ],
      1,
    ])
  })

  it('lets nobody share a read that began a second ago', async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const slow = cache.read(
      'key',
      source('key', () => promise),
    )
    now = SECOND
    expect(await read()).toEqual(['a', 'b'])
    resolve('old')
    expect(await slow).toEqual(['old'])
    expect(await read()).toEqual(['a', 'b'])
    expect(reads).toBe(2)
  })

  it.each(['a', 'b'])('reads again once %s is invalidated, and not for another id', async (id) => {
    await read()
    cache.invalidate(['c'])
    await read()
    expect(reads).toBe(1)
    cache.invalidate(['c', id])
    await read()
    await read()
    expect(reads).toBe(2)
  })

  it('discards a read during which what it found was invalidated, and lets nobody who comes later share it', async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const early = cache.read(
      'key',
      source('key', () => promise),
    )
    stored.set('key', 'b,a')
    cache.invalidate(['a'])
    expect(await read()).toEqual(['b', 'a'])
    resolve('a,b')
    await early
    expect(await read()).toEqual(['b', 'a'])
    expect(reads).toBe(2)
  })

  it('discards a read that nobody has followed, too', async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const early = cache.read(
      'key',
      source('key', () => promise),
    )
    cache.invalidate(['a'])
    resolve('a,b')
    await early
    stored.set('key', 'b,a')
    expect(await read()).toEqual(['b', 'a'])
  })

  it('forgets everything when it is cleared, with what is being read', async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const early = cache.read(
      'key',
      source('key', () => promise),
    )
    await read('unknown')
    cache.clear()
    resolve('old')
    await early
    stored.set('unknown', 'known')
    expect([await read(), await read('unknown')]).toEqual([['a', 'b'], ['known']])
  })

  it('remembers for a second that a key is unknown', async () => {
    expect([await read('unknown'), await read('unknown'), reads]).toEqual([null, null, 1])
    stored.set('unknown', 'known')
    now = SECOND
    expect([await read('unknown'), reads]).toEqual([['known'], 2])
  })

  it.each([
    ['known', 'text'],
    ['unknown', null],
  ])('holds no more of a request than a key, of one that is %s', async (_, text) => {
    const held = await heldAfter(async () => {
      for (const key of cutOutOfHeaders(1000)) {
        await cache.read(
          key,
          source(key, async () => text),
        )
      }
    })
    expect(held).toBeLessThan(4e6)
    expect(await read('00000000000000000000')).toEqual(text === null ? null : [text])
    expect(reads).toBe(1000)
  })

  it('never keeps a failure', async () => {
    const failing = source('key', () => Promise.reject(new Error('the store is away')))
    const both = [cache.read('key', failing), cache.read('key', failing)]
    for (const each of both) await expect(each).rejects.toThrow('away')
    expect(reads).toBe(1)
    expect(await read()).toEqual(['a', 'b'])
  })

  it('reads again what may not be served', async () => {
    await read()
    mayServe = false
    await read()
    await read()
    expect(reads).toBe(3)
    mayServe = true
    await read()
    await read()
    expect(reads).toBe(3)
  })

  it('parses a text that is asked for again once', async () => {
    let parsed = 0
    const counted: CachedSource<string[]> = { ...source('key'), parse: (text) => [text, String(++parsed)] }
    for (let times = 0; times < 5; times++) await cache.read('key', counted)
    // Once for the one who read it, and once to be kept.
    expect(parsed).toBe(2)
    expect(reads).toBe(1)
  })

  it('keeps as much as it may, and forgets what was asked for longest ago', async () => {
    cache = createReadCache({ now: () => now, maxBytes: 100_000 })
    for (let i = 0; i < 200; i++) stored.set(`key${i}`, 'x'.repeat(1000))
    for (let i = 0; i < 200; i++) await read(`key${i}`)
    expect(reads).toBe(200)
    for (let i = 199; i >= 140; i--) await read(`key${i}`)
    expect(reads).toBe(200)
    for (let i = 0; i < 100; i++) await read(`key${i}`)
    expect(reads).toBe(300)
  })
})
