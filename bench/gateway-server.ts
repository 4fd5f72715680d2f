import type { AddressInfo } from 'node:net'
import { createApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'

const app = await createApp(loadConfig(process.env))
await app.server.listen({ host: '127.0.0.1', port: 0 })
process.send?.({ port: (app.server.server.address() as AddressInfo).port })
process.once('SIGTERM', () => app.close().then(() => process.exit(0)))
