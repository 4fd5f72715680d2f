import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { CurrentUserDocument } from '../../web/generated/graphql.ts'
import { freePort } from '../support/free-port.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { startProgram } from '../support/process.ts'
import { signIn } from '../support/sign-in.ts'

it('npm run sandbox: signs in, keeps accounts and sessions between runs, starts over with --fresh', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'atgate-sandbox-'))
  const port = await freePort()
  const env = {
    PORT: String(port),
    SANDBOX_PDS_PORT: String(await freePort()),
    SANDBOX_PLC_PORT: String(await freePort()),
  }
  const start = (...args: string[]) => {
    const sandbox = startProgram('src/sandbox/main.ts', { cwd, env, args })
    // A test that fails leaves no program behind.
    onTestFinished(() => sandbox.signal('SIGKILL'))
    return sandbox
  }
  const browser = createHttpBrowser(`http://127.0.0.1:${port}`)
  const currentUser = async () => (await browser.graphql(CurrentUserDocument)).data?.currentUser

  const first = start()
  await first.says('Ctrl-C stops it')
  for (const step of ['did:plc directory', 'PDS', 'Seeding', `Open      http://127.0.0.1:${port}`, 'sandbox-pass']) {
    expect(first.output()).toContain(step)
  }
  const { account } = await signIn(browser, 'alice.test')
  first.signal('SIGINT')
  expect(await first.exitCode()).toBe(0)

  const second = start()
  await second.says('Ctrl-C stops it')
  expect((await currentUser())?.did).toBe(account.did)
  expect((await signIn(browser, 'alice.test')).account.did).toBe(account.did)
  second.signal('SIGTERM')
  expect(await second.exitCode()).toBe(0)

  const third = start('--fresh')
  await third.says('Ctrl-C stops it')
  expect(await currentUser()).toBeNull()
  expect((await signIn(browser, 'alice.test')).account.did).not.toBe(account.did)
  third.signal('SIGINT')
  expect(await third.exitCode()).toBe(0)
  await rm(cwd, { recursive: true })
}, 400_000)

it('says what is wrong with its settings, and exits with 1', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'atgate-sandbox-'))
  const sandbox = startProgram('src/sandbox/main.ts', { cwd, env: { SANDBOX_PDS_PORT: 'none' } })
  expect(await sandbox.exitCode()).toBe(1)
  expect(sandbox.output()).toContain('SANDBOX_PDS_PORT: must be a whole number')
  await rm(cwd, { recursive: true })
})
