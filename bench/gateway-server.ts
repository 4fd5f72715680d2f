import type { AddressInfo } from 'node:net'
import { createApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'

const config = loadConfig(process.env)
const app = await createApp(config)
// Benchmarks whose gateway is returned to name its port, by which it knows its own address.
await app.server.listen({ host: '127.0.0.1', port: process.env.PORT === undefined ? 0 : config.port })
process.send?.({ port: (app.server.server.address() as AddressInfo).port })
process.on('message', () => process.send?.({ rss: process.memoryUsage.rss() }))
process.once('SIGTERM', () => app.close().then(() => process.exit(0)))
