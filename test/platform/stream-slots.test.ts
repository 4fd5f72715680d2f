import { describe, expect, it } from 'vitest'
import { createStreamSlots } from '../../src/platform/stream-slots.ts'

describe('stream slots', () => {
  it('bound the streams of one token, and of all', () => {
    const slots = createStreamSlots({ perToken: 2, inAll: 3 })
    slots.take('alice')
    slots.take('alice')
    expect(() => slots.take('alice')).toThrow('This token has 2 event streams open.')
    slots.take('bob')
    expect(() => slots.take('carol')).toThrow('Too many event streams are open.')
    expect(slots.open()).toBe(3)
  })

  it('count a stream that ends once, however often it is told', () => {
    const slots = createStreamSlots({ perToken: 2, inAll: 2 })
    const giveBack = slots.take('alice')
    slots.take('alice')
    giveBack()
    giveBack()
    expect(slots.open()).toBe(1)
    slots.take('alice')
    expect(() => slots.take('alice')).toThrow('This token has 2')
  })
})
