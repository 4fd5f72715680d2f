import { expect, it } from 'vitest'
import { withGrantLock } from '../../../src/atproto/grants/lock.ts'
import { createInProcessStore } from '../../../src/store/ephemeral/in-process-store.ts'
import { createMovableClock } from '../../support/movable-clock.ts'

it('one at a time uses a grant, while others use other grants', async () => {
  const locks = createInProcessStore({ clock: createMovableClock() })
  const { promise, resolve } = Promise.withResolvers<string>()
  const first = withGrantLock(locks, 'a', () => promise)
  let hasBegun = false
  const second = withGrantLock(locks, 'a', async () => {
    hasBegun = true
    return 'second'
  })
  expect(await withGrantLock(locks, 'b', async () => 'other')).toBe('other')
  expect(hasBegun).toBe(false)
  resolve('first')
  expect(await Promise.all([first, second])).toEqual(['first', 'second'])
})
