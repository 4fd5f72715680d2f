import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { freePort } from './support/free-port.ts'
import { startProgram } from './support/process.ts'
import { getRequest, openConnection } from './support/raw-connection.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atgate-main-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function isOpen(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

it('names every mistake at once and exits with 1, before any port is opened or file is made', async () => {
  const port = await freePort()
  await writeFile(join(folder, '.env'), 'SESSION_DAYS=never\n')
  const env = {
    PORT: String(port),
    PUBLIC_URL: 'http://auth.example.com',
    DATABASE_URL: 'postgresql://localhost/x',
    LOG_LEVEL: 'loud',
  }
  const gateway = startProgram('src/main.ts', { cwd: folder, env })
  let opened = false
  while (!gateway.hasExited()) {
    opened ||= await isOpen(port)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(await gateway.exitCode()).toBe(1)
  expect(opened).toBe(false)
  for (const name of ['PUBLIC_URL', 'ENCRYPTION_KEYS', 'LOG_LEVEL', 'SESSION_DAYS']) {
    expect(gateway.output()).toContain(`  ${name}: `)
  }
  expect(await readdir(folder)).toEqual(['.env'])
})

/** Starts the gateway with nothing in its folder. */
async function startInFolder(env: Record<string, string> = {}) {
  const port = await freePort()
  const gateway = startProgram('src/main.ts', { cwd: folder, env: { PORT: String(port), ...env } })
  await gateway.says('atgate is listening')
  return { gateway, port, url: `http://127.0.0.1:${port}` }
}

it('starts with no configuration, answers, and stops cleanly on SIGTERM, whatever its clients do', async () => {
  const { gateway, port, url } = await startInFolder({ SHUTDOWN_SECONDS: '10' })
  const response = await fetch(`${url}/oauth-client-metadata.json`)
  expect(await response.json()).toMatchObject({ application_type: 'native', token_endpoint_auth_method: 'none' })
  const [silent, halfSent, kept] = await Promise.all([1, 2, 3].map(() => openConnection(url)))
  halfSent?.send('POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{')
  kept?.send(getRequest('/readyz'))
  expect(await kept?.receives('ready')).toMatch(/^HTTP\/1.1 200 /)

  gateway.signal('SIGTERM')
  await gateway.says('"msg":"closing"')
  expect((await fetch(`${url}/readyz`)).status).toBe(503)
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  expect((await fetch(`${url}/oauth-client-metadata.json`)).status).toBe(200)
  await expect.poll(() => isOpen(port)).toBe(false)
  expect(await halfSent?.isClosed()).toMatch(/^HTTP\/1.1 503 /)
  await Promise.all([silent?.isClosed(), kept?.isClosed()])
  expect(await gateway.exitCode()).toBe(0)
}, 180_000)

it('ends at once with a second signal', async () => {
  const { gateway, url } = await startInFolder({ SHUTDOWN_SECONDS: '600' })
  gateway.signal('SIGINT')
  await gateway.says('"msg":"closing"')
  expect((await fetch(`${url}/readyz`)).status).toBe(503)
  gateway.signal('SIGTERM')
  expect(await gateway.exitCode()).toBe(1)
  expect(gateway.output()).toContain('told to end at once')
}, 180_000)
