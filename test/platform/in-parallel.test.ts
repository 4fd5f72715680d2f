import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { inParallel } from '../../src/platform/in-parallel.ts'

it('does the work for each item once, with no more at a time than allowed', async () => {
  let underWay = 0
  let most = 0
  const done: number[] = []
  await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++underWay)
    for (let turns = 0; turns < item; turns++) await setImmediate()
    underWay--
    done.push(item)
  })
  expect(most).toBe(3)
  expect(done.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7])
})

it('is done at once where there is nothing to do', async () => {
  await inParallel([], 3, () => Promise.reject(new Error('no item')))
})
