import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

/** Chromium without windows, in which pages are as in Chromium itself: it takes a third less of the processor. */
const SHELLS = ['chromium-headless-shell', 'chrome-headless-shell']
const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome']

/** The Chromium of this machine, or null: its shell, unless `isWhole` asks for the browser, or whichever there is. */
export function chromiumPath({ isWhole }: { isWhole: boolean }): string | null {
  const { CHROMIUM_PATH, PATH = '' } = process.env
  if (CHROMIUM_PATH !== undefined) return existsSync(CHROMIUM_PATH) ? CHROMIUM_PATH : null
  const names = isWhole ? [...BROWSERS, ...SHELLS] : [...SHELLS, ...BROWSERS]
  const candidates = names.flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name)))
  return candidates.find((candidate) => existsSync(candidate)) ?? null
}

/** Starts a headless Chromium that reaches for nothing by itself. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  })
}

/** Signs in on the PDS's page, as a person does; the consent page follows. */
export async function signInOnPds(page: Page, password: string): Promise<void> {
  await page.locator('input[type=password]').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Allows the app on the PDS's consent page. */
export async function allowOnPds(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Authorize' }).click()
}

/** Denies it. */
export async function refuseOnPds(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Deny access' }).click()
}

/** Creates an account on the PDS's sign-up pages; the consent page follows. */
export async function signUpOnPdsPages(
  page: Page,
  account: { name: string; email: string; password: string },
): Promise<void> {
  await page.locator('input[name=handle]').fill(account.name)
  await page.getByRole('button', { name: 'Next' }).click()
  await page.locator('input[name=email]').fill(account.email)
  await page.locator('input[name=password]').fill(account.password)
  await page.getByRole('button', { name: 'Sign up' }).click()
}
