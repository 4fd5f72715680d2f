import type { OutgoingHttpHeaders } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { FastifyReply } from 'fastify'
import type { XrpcAnswer } from '../services/xrpc/forward.ts'
import { noStore } from './no-store.ts'

/**
 * Answers with what another server sends, at the pace at which the client reads it. When that breaks off, the
 * connection does too, so that nobody takes the half for the whole; when the client leaves, the other server is left.
 */
export async function passOn(reply: FastifyReply, { status, headers, body }: XrpcAnswer): Promise<FastifyReply> {
  noStore(reply).headers(headers)
  reply.hijack()
  const { raw } = reply
  raw.writeHead(status, reply.getHeaders() as OutgoingHttpHeaders)
  if (Buffer.isBuffer(body)) raw.end(body)
  else await pipeline(body, raw).catch(brokeOff(reply))
  return reply
}

/** Both streams are destroyed then. */
function brokeOff({ log }: FastifyReply) {
  return (error: unknown) => log.info({ err: error }, 'an answer of a PDS broke off')
}
