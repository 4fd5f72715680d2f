import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

/** What keeps proxies and clients from giving up a stream on which nothing happens. */
const COMMENT = ':\n\n'

/** Event streams get their comments in so many rounds, so that thousands of them do not come at once. */
const ROUNDS = 12

/** The open event streams of a server. */
export interface EventStreams {
  /** Answers with server-sent events, one for each result, as the GraphQL over SSE protocol has them. */
  send<R>(reply: FastifyReply, results: AsyncIterable<R>, text: StreamText<R>): FastifyReply
}

/** What is written of each result, and of an error by which the stream ends. */
export type StreamText<R> = { dataOf(result: R): string; failureOf(error: unknown): string }

/** @param commentsEvery in milliseconds: how often each stream has a comment */
export function createEventStreams({ commentsEvery }: { commentsEvery: number }): EventStreams {
  const rounds = Array.from({ length: ROUNDS }, () => new Set<ServerResponse>())
  let round = 0
  let open = 0
  let timer: NodeJS.Timeout | undefined

  function sendComments(): void {
    round = (round + 1) % ROUNDS
    for (const response of rounds[round] ?? []) {
      // One that is not read is closed for its silence.
      if (!response.writableNeedDrain) response.write(COMMENT)
    }
  }

  /** One timer for all streams: each has its comment a whole turn after it opened, and so on. */
  function keepAlive(response: ServerResponse): void {
    const streams = rounds[round]
    streams?.add(response)
    open++
    timer ??= setInterval(sendComments, commentsEvery / ROUNDS).unref()
    response.on('close', () => {
      streams?.delete(response)
      open--
      if (open > 0) return
      clearInterval(timer)
      timer = undefined
    })
  }

  return {
    send(reply, results, text) {
      // A connection that stays open after its stream has ended delays the shutdown of the gateway.
      reply.header('connection', 'close')
      // Without this header nginx holds events back until its buffer is full.
      reply.header('x-accel-buffering', 'no')
      reply.hijack()
      const { raw } = reply
      raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>)
      // Node.js keeps the text of the head, in pieces unless it is sent by itself.
      raw.flushHeaders()
      // Some browsers do not report the stream as open before something comes.
      raw.write(COMMENT)
      keepAlive(raw)
      // The stream outlives what asked for it.
      reply.request.body = undefined
      void write(raw, results, text)
      return reply
    },
  }
}

/** Whatever the results come from ends with the client, by the closing of the response. */
async function write<R>(response: ServerResponse, results: AsyncIterable<R>, text: StreamText<R>): Promise<void> {
  try {
    for await (const result of results) {
      // What was left when the client went is nobody's.
      if (response.destroyed) return
      const isTaken = response.write(next(text.dataOf(result)))
      if (!isTaken && !response.closed) await Promise.race([once(response, 'drain'), once(response, 'close')])
    }
  } catch (error) {
    response.write(next(text.failureOf(error)))
  }
  response.end('event: complete\ndata:\n\n')
}

function next(data: string): string {
  return `event: next\ndata: ${data}\n\n`
}
