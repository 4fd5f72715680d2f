import type { Readable } from 'node:stream'
import type { CallBody } from '../../atproto/pds/pds-calls.ts'
import { BodyIncomplete } from '../../atproto/pds/upstreams.ts'
import { GatewayError } from '../../platform/errors.ts'

/** In bytes. A body of up to this size is kept until the PDS has answered, so that it can be sent again. */
export const LARGEST_KEPT = 1024 * 1024

type Options = {
  /** What `Content-Length` says; null for a body that comes in chunks. */
  length: number | null
}

/**
 * Reads a request's body as far as it is kept; a larger one passes through, at the pace at which the PDS takes it. How
 * large one may be, the PDS decides.
 * @throws GatewayError when the gateway shuts down, BodyIncomplete
 */
export async function readBody(stream: Readable, { length }: Options): Promise<CallBody> {
  // An attempt that is refused must not end the stream: the client would not see the answer.
  const chunks = guarded(stream.iterator({ destroyOnReturn: false }))
  if (length !== null && length > LARGEST_KEPT) return { kind: 'passing', chunks }
  const kept: Buffer[] = []
  let size = 0
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    kept.push(next.value)
    size += next.value.length
    if (size > LARGEST_KEPT) return { kind: 'passing', chunks: continued(kept, chunks) }
  }
  return { kind: 'kept', bytes: Buffer.concat(kept) }
}

/** Makes whatever ends the stream too early an error of its own, apart from those of the PDS. */
async function* guarded(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  try {
    yield* chunks
  } catch (error) {
    if (error instanceof GatewayError) throw error
    throw new BodyIncomplete('the request body did not arrive whole', { cause: error })
  }
}

async function* continued(kept: Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  yield* kept.splice(0)
  yield* rest
}
