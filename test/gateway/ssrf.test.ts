import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { describeGateway } from '../support/suite.ts'

describeGateway('outside the sandbox, requests to private addresses', () => {
  let atgate: TestGateway
  let trap: Server
  let visits = 0

  beforeAll(async () => {
    // The test's directory is on this machine too, so here even looking up a did:plc has to fail.
    atgate = await startGateway({ ALLOW_INSECURE_PDS: 'off' })
    trap = createServer((socket) => {
      visits++
      socket.destroy()
    }).listen(0)
    await once(trap, 'listening')
  })
  afterAll(async () => {
    trap.close()
    await atgate.close()
  })

  const port = () => (trap.address() as AddressInfo).port

  it.each([
    ['an IPv4 loopback address', () => `https://127.0.0.1:${port()}`],
    ['another spelling of it', () => `https://2130706433:${port()}`],
    ['a short spelling of it', () => `https://127.1:${port()}`],
    ['an IPv6 loopback address', () => `https://[::1]:${port()}`],
    ['an IPv4 address inside an IPv6 one', () => `https://[::ffff:127.0.0.1]:${port()}`],
    ['a name of this machine', () => `https://localhost:${port()}`],
    ['the unspecified address', () => `https://0.0.0.0:${port()}`],
    ['a cloud’s metadata address', () => 'https://169.254.169.254'],
    ['a did:web on this machine', () => `did:web:localhost%3A${port()}`],
    ['plain http', () => `http://localhost:${port()}`],
    ['the sandbox PDS', () => inject('pdsUrl')],
  ])('are not made for %s', async (_what, handle) => {
    const before = visits
    const response = await createHttpBrowser(atgate.url).send(`/auth/start?handle=${encodeURIComponent(handle())}`, {
      headers: { accept: 'application/json' },
    })
    expect(response.status).toBeGreaterThanOrEqual(400)
    expect(['BAD_USER_INPUT', 'INVALID_HANDLE', 'PDS_UNAVAILABLE', 'SERVICE_UNAVAILABLE']).toContain(
      ((await response.json()) as { error: string }).error,
    )
    expect(visits).toBe(before)
  })

  it('would have been noticed: the trap counts visits', async () => {
    const before = visits
    await fetch(`http://127.0.0.1:${port()}`).catch(() => undefined)
    expect(visits).toBe(before + 1)
  })
})
