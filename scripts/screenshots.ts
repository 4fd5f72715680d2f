import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { createApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'
import { SANDBOX_PASSWORD } from '../src/sandbox/accounts.ts'
import { startNetwork } from '../src/sandbox/network.ts'
import { gatewayEnvironment, sandboxSettings } from '../src/sandbox/settings.ts'
import { allowOnPds, chromiumPath, launchChromium, signInOnPds } from '../test/support/chromium.ts'

// Takes the screenshots in docs/screenshots/: starts a sandbox of its own, and signs in through the PDS's pages.
const OUT = new URL('../docs/screenshots/', import.meta.url).pathname
const DESK = { width: 1000, height: 660 }
const PHONE = { width: 390, height: 780 }

const executable = chromiumPath({ isWhole: true })
if (executable === null) {
  process.stderr.write('Screenshots need Chromium (CHROMIUM_PATH).\n')
  process.exit(1)
}
const dataDir = await mkdtemp(join(tmpdir(), 'atgate-screenshots-'))
const settings = sandboxSettings({ DATA_DIR: dataDir })
const network = await startNetwork(settings)
const config = loadConfig(gatewayEnvironment(network, settings))
const app = await createApp(config)
await app.server.listen({ host: config.host, port: config.port })
const browser = await launchChromium(executable)
try {
  await mkdir(OUT, { recursive: true })
  await takeAll(await browser.newPage({ viewport: DESK, colorScheme: 'light', locale: 'en-GB' }))
} finally {
  await browser.close()
  await app.close()
  await network.close()
  await rm(dataDir, { recursive: true })
}

async function takeAll(page: Page): Promise<void> {
  await page.goto(config.publicUrl)
  await page.getByLabel('Handle').waitFor()
  await take(page, 'sign-in')
  await signIn(page, 'alice.test', 'Sign in')
  await signIn(page, 'bob.test', 'Add account')
  await take(page, 'accounts')
  await page.getByRole('link', { name: 'Tokens' }).click()
  await page.getByLabel('Name').fill('nightly backup')
  await page.getByRole('button', { name: 'Create token' }).click()
  await authorize(page)
  await page.getByRole('button', { name: 'Done' }).click()
  await take(page, 'tokens')
  await page.getByRole('link', { name: 'Permissions' }).click()
  await page.getByRole('heading', { name: 'Permissions' }).waitFor()
  await take(page, 'permissions')
  await page.setViewportSize(PHONE)
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.getByRole('link', { name: 'Accounts' }).click()
  await page.getByRole('heading', { name: 'Accounts' }).waitFor()
  await take(page, 'phone-dark')
}

async function signIn(page: Page, handle: string, submit: string): Promise<void> {
  await page.getByLabel('Handle').fill(handle)
  await page.getByRole('button', { name: submit, exact: true }).click()
  await authorize(page)
}

/** Goes through the PDS's pages and back, and dismisses the notice, which would cover something. */
async function authorize(page: Page): Promise<void> {
  await page.waitForURL(`${network.pdsUrl}/**`)
  await signInOnPds(page, SANDBOX_PASSWORD)
  await allowOnPds(page)
  await page.waitForURL(`${config.publicUrl}/**`)
  await page.getByRole('button', { name: 'Dismiss' }).click()
}

async function take(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0)
  // Lists and images have loaded, and transitions of colours have ended.
  await page.waitForTimeout(700)
  await page.screenshot({ path: join(OUT, `${name}.png`) })
  process.stdout.write(`docs/screenshots/${name}.png\n`)
}
