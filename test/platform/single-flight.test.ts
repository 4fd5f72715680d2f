import { expect, it } from 'vitest'
import { createSingleFlight } from '../../src/platform/single-flight.ts'

it('shares one run among those who ask while it goes on, each key for itself', async () => {
  const flights = createSingleFlight<string>()
  const begun: string[] = []
  const { promise, resolve } = Promise.withResolvers<string>()
  const run = (key: string, work: Promise<string>) =>
    flights.run(key, () => {
      begun.push(key)
      return work
    })
  const both = [run('a', promise), run('a', promise)]
  expect(await run('b', Promise.resolve('other'))).toBe('other')
  expect(flights.running()).toHaveLength(1)
  resolve('shared')
  expect(await Promise.all(both)).toEqual(['shared', 'shared'])
  expect(begun).toEqual(['a', 'b'])
  expect(flights.running()).toEqual([])
})

it('begins anew after an outcome, a failure too', async () => {
  const flights = createSingleFlight<string>()
  await expect(flights.run('a', () => Promise.reject(new Error('first')))).rejects.toThrow('first')
  expect(await flights.run('a', async () => 'second')).toBe('second')
})
