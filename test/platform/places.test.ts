import { expect, it } from 'vitest'
import { createPlaces } from '../../src/platform/places.ts'

it('gives each key its places, and a place again when it was left', () => {
  const places = createPlaces(2)
  const leave = places.take('a')
  expect(places.take('a')).not.toBeNull()
  expect(places.take('a')).toBeNull()
  expect(places.take('b')).not.toBeNull()
  leave?.()
  expect(places.take('a')).not.toBeNull()
  expect(places.take('a')).toBeNull()
})

it('takes a place back once', () => {
  const places = createPlaces(1)
  const leave = places.take('a')
  leave?.()
  places.take('a')
  leave?.()
  expect(places.take('a')).toBeNull()
})
