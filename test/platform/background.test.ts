import { expect, it } from 'vitest'
import { createBackground } from '../../src/platform/background.ts'

it('waits for everything that is under way, and for what that has begun', async () => {
  const background = createBackground()
  await background.settle()
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const done: string[] = []
  background.add(
    first.promise.then(() => {
      done.push('first')
      background.add(second.promise.then(() => void done.push('second')))
    }),
  )
  const settled = background.settle().then(() => void done.push('settled'))
  first.resolve()
  await first.promise
  setImmediate(second.resolve)
  await settled
  expect(done).toEqual(['first', 'second', 'settled'])
})
