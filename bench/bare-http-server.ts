import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

// The baseline of `/auth/verify`: node:http, which answers nothing with 200.
const server = createServer((_request, response) => response.end())
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
