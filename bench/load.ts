import { connect } from 'node:net'

/** Requests to a server, and what each of its answers must contain. */
export type Load = {
  url: string
  /** The text of the next request; null when there is none any more. */
  next(): string | null
  expected: string
  /** Whether the load generator never sleeps while it waits for answers. */
  staysAwake?: boolean
}

export type Loaded = { answered: number; seconds: number }

/** How many connections it has, each with one request at a time. */
export const CONNECTIONS = 32

/**
 * Sends requests over kept-alive connections, and checks each answer. It writes and reads bytes by itself, because an
 * HTTP client takes longer for a request than the fastest of the servers.
 * @throws Error for an answer that is not 200, or lacks what is expected
 */
export async function load(requests: Load): Promise<Loaded> {
  const startedAt = performance.now()
  using _ = requests.staysAwake ? stayAwake() : null
  const answered = await Promise.all(Array.from({ length: CONNECTIONS }, () => runConnection(requests)))
  return {
    answered: answered.reduce((sum, count) => sum + count, 0),
    seconds: (performance.now() - startedAt) / 1000,
  }
}

/** Keeps this process from sleeping until it is disposed of. */
function stayAwake(): Disposable {
  let isAwake = true
  const goOn = () => {
    if (isAwake) setImmediate(goOn)
  }
  goOn()
  return {
    [Symbol.dispose]() {
      isAwake = false
    },
  }
}

/** The same requests, for so long. */
export function during(seconds: number, { next, ...others }: Load): Load {
  const end = performance.now() + seconds * 1000
  return { ...others, next: () => (performance.now() < end ? next() : null) }
}

/** The same requests, so many. */
export function times(count: number, { next, ...others }: Load): Load {
  let left = count
  return { ...others, next: () => (left-- > 0 ? next() : null) }
}

function runConnection({ url, next, expected }: Load): Promise<number> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true }).setEncoding('latin1')
    let [answered, received] = [0, '']
    const sendNext = () => {
      const text = next()
      if (text !== null) return void socket.write(text, 'latin1')
      resolve(answered)
      socket.destroy()
    }
    socket.once('connect', sendNext)
    socket.on('data', (chunk) => {
      received += chunk
      if (!isComplete(received)) return
      if (!received.startsWith('HTTP/1.1 200') || !received.includes(expected)) {
        socket.destroy(new Error(`${url} answered ${received}`))
        return
      }
      received = ''
      answered++
      sendNext()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`${url} closed a connection`)))
  })
}

/** Whether a response is: nothing can follow it, since the next request was not sent yet. */
function isComplete(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return false
  const head = text.slice(0, headEnd)
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(head) ?? []
  if (length !== undefined) return text.length >= headEnd + 4 + Number(length)
  return text.endsWith('\r\n0\r\n\r\n')
}
