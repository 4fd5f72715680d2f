import { expect, it, vi } from 'vitest'
import { PushedEvents } from '../../src/platform/pushed-events.ts'

const ENDED = { value: undefined, done: true }
const event = (value: number) => ({ value, done: false })

function open() {
  const onOver = vi.fn()
  return { onOver, events: new PushedEvents<number>(onOver) }
}

it('events come in their order, whether the reader waits or comes later', async () => {
  const { events, onOver } = open()
  const first = events.next()
  for (const value of [1, 2, 3]) events.push(value)
  expect([await first, await events.next(), await events.next()]).toEqual([1, 2, 3].map(event))
  expect(events.isOver).toBe(false)
  expect(onOver).not.toHaveBeenCalled()
})

it('what was pushed before the end is read, what is pushed after it is not', async () => {
  const { events, onOver } = open()
  events.push(1)
  events.end()
  expect(onOver).toHaveBeenCalledTimes(1)
  events.push(2)
  const read: number[] = []
  for await (const value of events) read.push(value)
  expect(read).toEqual([1])
  events.end()
  expect(onOver).toHaveBeenCalledTimes(1)
})

it('a reader that waits is told of the end', async () => {
  const { events } = open()
  const next = events.next()
  events.end()
  expect(await next).toEqual(ENDED)
})

it('a failure comes once, after what was pushed before it', async () => {
  const { events, onOver } = open()
  events.push(1)
  events.fail(new Error('broken'))
  expect(onOver).toHaveBeenCalledTimes(1)
  expect(await events.next()).toEqual(event(1))
  await expect(events.next()).rejects.toThrow('broken')
  expect(await events.next()).toEqual(ENDED)
})

it('a reader that waits is given the failure', async () => {
  const { events } = open()
  const next = events.next()
  events.fail(new Error('broken'))
  await expect(next).rejects.toThrow('broken')
  expect(await events.next()).toEqual(ENDED)
})

it('a reader that leaves gets nothing more', async () => {
  const { events, onOver } = open()
  events.push(1)
  for await (const value of events) {
    expect(value).toBe(1)
    events.push(2)
    break
  }
  expect(onOver).toHaveBeenCalledTimes(1)
  expect(await events.next()).toEqual(ENDED)
})

it('events are over when a reader has left a hundred unread', async () => {
  const { events } = open()
  for (let value = 0; value < 100; value++) events.push(value)
  expect(events.isOver).toBe(false)
  events.push(100)
  expect(events.isOver).toBe(true)
})
