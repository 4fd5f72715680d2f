import { expect, it, vi } from 'vitest'
import { createSharedSources, type Source } from '../../src/platform/shared-sources.ts'

/** A source of texts, which counts how often it is opened and closed. */
function newSource() {
  const close = vi.fn(async () => undefined)
  const tells: ((event: string) => void)[] = []
  const open = vi.fn<Source<string>>(async (tell) => {
    tells.push(tell)
    return close
  })
  const tell = (event: string) => {
    for (const each of tells) each(event)
  }
  return { open, close, tell }
}

it('a source is opened once for all who listen, and closed by the last to leave', async () => {
  const sources = createSharedSources()
  const { open, close, tell } = newSource()
  const heard: string[] = []
  const [leaveOne, leaveTwo] = await Promise.all([
    sources.join('key', open, (event) => heard.push(`one ${event}`)),
    sources.join('key', open, (event) => heard.push(`two ${event}`)),
  ])
  tell('first')
  leaveOne()
  leaveOne()
  tell('second')
  expect(heard).toEqual(['one first', 'two first', 'two second'])
  expect(open).toHaveBeenCalledTimes(1)
  expect(close).not.toHaveBeenCalled()
  leaveTwo()
  await expect.poll(() => close).toHaveBeenCalledTimes(1)
})

it('sources of other keys are others, and one that was closed is opened again', async () => {
  const sources = createSharedSources()
  const { open, close } = newSource()
  const leave = await sources.join('one', open, () => undefined)
  await sources.join('two', open, () => undefined)
  expect(open).toHaveBeenCalledTimes(2)
  leave()
  await expect.poll(() => close).toHaveBeenCalledTimes(1)
  await sources.join('one', open, () => undefined)
  expect(open).toHaveBeenCalledTimes(3)
})

it('a source that does not open fails for all who wait, and is tried again by the next', async () => {
  const sources = createSharedSources()
  const { open } = newSource()
  open.mockRejectedValueOnce(new Error('away'))
  const joins = [1, 2].map(() => sources.join('key', open, () => undefined))
  for (const join of joins) await expect(join).rejects.toThrow('away')
  await sources.join('key', open, () => undefined)
  expect(open).toHaveBeenCalledTimes(2)
})

it('a listener may leave while it is told', async () => {
  const sources = createSharedSources()
  const { open, tell } = newSource()
  const heard: string[] = []
  const leave = await sources.join('key', open, () => leave())
  await sources.join('key', open, (event) => heard.push(event))
  tell('both')
  tell('one')
  expect(heard).toEqual(['both', 'one'])
})
