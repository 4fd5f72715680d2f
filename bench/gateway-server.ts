import type { AddressInfo } from 'node:net'
import { createApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'

const config = loadConfig(process.env)
const app = await createApp(config)
// Benchmarks whose gateway is returned to name its port, by which it knows its own address.
await app.server.listen({ host: '127.0.0.1', port: process.env.PORT === undefined ? 0 : config.port })
process.send?.({ port: (app.server.server.address() as AddressInfo).port })
process.on('message', (message) => {
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage()
    return void process.send?.({ cpuMs: (user + system) / 1000 })
  }
  // Where the benchmark exposes it, so that what is counted is in use. Some of it goes only after what referred to it.
  globalThis.gc?.()
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  process.send?.({ rss, used: heapUsed + external })
})
process.once('SIGTERM', () => app.close().then(() => process.exit(0)))
// A benchmark that has failed stops nothing.
process.once('disconnect', () => process.exit(0))
