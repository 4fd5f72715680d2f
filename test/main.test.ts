import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { freePort } from '../src/sandbox/network.ts'
import { startProgram } from './support/process.ts'

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

it('starts with no configuration, answers, and stops cleanly on SIGTERM', async () => {
  const port = await freePort()
  const gateway = startProgram('src/main.ts', { cwd: folder, env: { PORT: String(port) } })
  await gateway.says('atgate is listening')
  const response = await fetch(`http://127.0.0.1:${port}/oauth-client-metadata.json`)
  expect(await response.json()).toMatchObject({ application_type: 'native', token_endpoint_auth_method: 'none' })
  gateway.signal('SIGTERM')
  expect(await gateway.exitCode()).toBe(0)
}, 90_000)
