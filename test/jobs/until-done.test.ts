import { expect, it } from 'vitest'
import { untilDone, walk } from '../../src/jobs/until-done.ts'

const open = new AbortController().signal

it('repeats a batch until one finds less than it may take', async () => {
  const found = [500, 500, 499, 500]
  const taken: number[] = []
  await untilDone(open, async (take) => {
    taken.push(take)
    return found[taken.length - 1] ?? 0
  })
  expect(taken).toEqual([500, 500, 500])
})

it('lets other work run between two batches', async () => {
  const order: string[] = []
  setImmediate(() => order.push('request'))
  await untilDone(open, async () => {
    order.push('batch')
    return order.filter((what) => what === 'batch').length === 2 ? 0 : 500
  })
  expect(order).toEqual(['batch', 'request', 'batch'])
})

it('begins no batch once the process closes', async () => {
  const closing = new AbortController()
  let batches = 0
  await untilDone(closing.signal, async () => {
    if (++batches === 2) closing.abort()
    return 500
  })
  expect(batches).toBe(2)
  await untilDone(closing.signal, () => Promise.reject(new Error('begun')))
})

it('walks on from the last row', async () => {
  const parts = [
    { last: 'm', count: 500 },
    { last: 'z', count: 3 },
  ]
  const asked: unknown[] = []
  await walk(open, async (options) => {
    asked.push(options)
    return parts[asked.length - 1] ?? { last: null, count: 0 }
  })
  expect(asked).toEqual([
    { after: '', limit: 500 },
    { after: 'm', limit: 500 },
  ])
})
