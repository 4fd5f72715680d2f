import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Listens, tells the benchmark the port, and tells it the processor time so far when it sends `cpu`. Ends with the
 * benchmark.
 */
export function announce(server: Server, port = 0): void {
  server.listen(port, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuMs: (user + system) / 1000 })
  })
  process.once('disconnect', () => process.exit(0))
}
