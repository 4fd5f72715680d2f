import { once } from 'node:events'
import { connect } from 'node:net'

/** A TCP connection to a gateway, on which a test says what it likes. */
export type RawConnection = {
  send(text: string): void
  /** Waits until what was received contains `text`, and returns all of it. */
  receives(text: string): Promise<string>
  /** Waits until the other side has closed the connection, or reset it, and returns all that was received. */
  isClosed(): Promise<string>
  hasClosed(): boolean
  /** Reads nothing more. */
  pause(): void
  destroy(): void
}

/** Connects to the server of a URL. */
export async function openConnection(url: string): Promise<RawConnection> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  let received = ''
  socket.on('data', (chunk) => (received += chunk))
  // A reset is a way to be closed.
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return {
    send: (text) => void socket.write(text),
    async receives(text) {
      while (!received.includes(text)) {
        const more = new Promise((resolve) => socket.once('data', resolve))
        const isOver = await Promise.race([more.then(() => false), closed.then(() => true)])
        if (isOver && !received.includes(text)) throw new Error(`closed before "${text}" came: ${received}`)
      }
      return received
    },
    async isClosed() {
      await closed
      return received
    },
    hasClosed: () => socket.closed,
    pause: () => void socket.pause(),
    destroy: () => void socket.destroy(),
  }
}

/** The text of a GET request. The connection is kept open. */
export function getRequest(path: string, headers = 'accept: application/json\r\n'): string {
  return `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${headers}\r\n`
}
