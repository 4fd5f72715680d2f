import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { BodyIncomplete } from '../../../src/atproto/pds/upstreams.ts'
import { GatewayError } from '../../../src/platform/errors.ts'
import { LARGEST_KEPT, readBody } from '../../../src/services/xrpc/request-body.ts'

const streamOf = (...sizes: number[]) => Readable.from(sizes.map((size) => Buffer.alloc(size, 'x')))

async function sizeOf(chunks: AsyncIterable<Buffer>): Promise<number> {
  let size = 0
  for await (const chunk of chunks) size += chunk.length
  return size
}

it.each([
  ['no body', streamOf(), null, 0],
  ['what is said to be small', streamOf(10, 20), 30, 30],
  ['what turns out to be small', streamOf(LARGEST_KEPT - 1, 1), null, LARGEST_KEPT],
])('keeps %s', async (_what, stream, length, size) => {
  const body = await readBody(stream, { length })
  expect(body.kind === 'kept' && body.bytes?.length).toBe(size)
})

it.each([
  ['what is said to be large', streamOf(LARGEST_KEPT, 1), LARGEST_KEPT + 1, LARGEST_KEPT + 1],
  ['what turns out to be large', streamOf(LARGEST_KEPT, 1, 5), null, LARGEST_KEPT + 6],
])('passes %s on, whole', async (_what, stream, length, size) => {
  const body = await readBody(stream, { length })
  expect(body.kind === 'passing' && (await sizeOf(body.chunks))).toBe(size)
})

it('leaves the stream open when what reads it is given up', async () => {
  const stream = streamOf(LARGEST_KEPT, LARGEST_KEPT)
  const body = await readBody(stream, { length: 2 * LARGEST_KEPT })
  if (body.kind !== 'passing') throw new Error('it is kept')
  for await (const _chunk of body.chunks) break
  expect(stream.destroyed).toBe(false)
})

it('says that a body did not arrive whole, unless the gateway itself ended it', async () => {
  const broken = (error: Error) => Object.assign(new Readable({ read: () => undefined }), {}).destroy(error)
  await expect(readBody(broken(new Error('aborted')), { length: 5 })).rejects.toThrow(BodyIncomplete)
  const closing = new GatewayError('SERVICE_UNAVAILABLE', 'closing')
  await expect(readBody(broken(closing), { length: 5 })).rejects.toBe(closing)
})
