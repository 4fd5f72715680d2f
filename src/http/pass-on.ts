import type { OutgoingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyReply } from 'fastify'
import { noStore } from './no-store.ts'

type Answer = { status: number; headers: Record<string, string>; body: Readable }

/**
 * Answers with what another server sends, at the pace at which the client reads it. When that breaks off, the
 * connection does too, so that nobody takes the half for the whole; when the client leaves, the other server is left.
 */
export async function passOn(reply: FastifyReply, { status, headers, body }: Answer): Promise<FastifyReply> {
  noStore(reply).headers(headers)
  reply.hijack()
  const { raw } = reply
  raw.writeHead(status, reply.getHeaders() as OutgoingHttpHeaders)
  // It has destroyed both then.
  await pipeline(body, raw).catch((error: unknown) => reply.log.info({ err: error }, 'an answer of a PDS broke off'))
  return reply
}
