import { beforeEach, expect, it } from 'vitest'
import { createPdsLocations, type PdsLocations } from '../../src/atproto/pds-locations.ts'

const MINUTE = 60_000

let now: number
let reads: number
let read: () => Promise<string>
let locations: PdsLocations

beforeEach(() => {
  now = 0
  reads = 0
  read = async () => `https://pds${reads}.test`
  locations = createPdsLocations({
    read: () => {
      reads++
      return read()
    },
    now: () => now,
  })
})

it('reads an account’s document once, for all who ask', async () => {
  expect(await Promise.all([locations.of('did:web:a'), locations.of('did:web:a')])).toEqual([
    'https://pds1.test',
    'https://pds1.test',
  ])
  now = 4 * MINUTE
  await locations.of('did:web:a')
  expect(reads).toBe(1)
})

it('reads it again in the background after five minutes', async () => {
  await locations.of('did:web:a')
  now = 5 * MINUTE
  expect(await locations.of('did:web:a')).toBe('https://pds1.test')
  expect(reads).toBe(2)
  await expect.poll(() => locations.of('did:web:a')).toBe('https://pds2.test')
})

it('trusts none that is ten minutes old, even if there is no newer one', async () => {
  await locations.of('did:web:a')
  read = async () => {
    throw new Error('the directory is away')
  }
  now = 9 * MINUTE
  expect(await locations.of('did:web:a')).toBe('https://pds1.test')
  now = 10 * MINUTE
  await expect(locations.of('did:web:a')).rejects.toThrow('the directory is away')
})

it('counts the age from when the document was asked for', async () => {
  const slow = Promise.withResolvers<string>()
  read = () => slow.promise
  const first = locations.of('did:web:a')
  now = 10 * MINUTE
  slow.resolve('https://slow.test')
  await first
  read = async () => 'https://new.test'
  expect(await locations.of('did:web:a')).toBe('https://new.test')
})
