import type { Browser } from 'playwright-core'
import { createApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'
import { createLogger } from '../src/platform/logger.ts'
import { openDatabase } from '../src/store/sql/database.ts'
import { chromiumPath, launchChromium } from '../test/support/chromium.ts'
import { freePort } from '../test/support/free-port.ts'
import { median } from './results.ts'

// Measures what a new user waits for: the portal in Chromium, from an empty cache to the sign-in form.
const LOADS = 15

type Load = { requests: number; bytes: number; scriptBytes: number; firstPaint: number; form: number; shift: number }

/** Opens the page once in a browser profile of its own. Times are in milliseconds from the start of the navigation. */
async function load(browser: Browser, url: string): Promise<Load> {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.addInitScript(watchPage)
  await page.goto(url)
  await page.getByLabel('Handle').waitFor()
  await page.waitForTimeout(300)
  const measured = await page.evaluate(readPage)
  await context.close()
  return measured
}

/** Runs in the page, before its own scripts. */
function watchPage(): void {
  const seen = Object.assign(window, { form: 0, shift: 0 })
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.shift += (entry as PerformanceEntry & { value: number }).value
  }).observe({ type: 'layout-shift', buffered: true })
  new MutationObserver((_changes, observer) => {
    if (document.querySelector('input[name=handle]') === null) return
    seen.form = performance.now()
    observer.disconnect()
  }).observe(document, { childList: true, subtree: true })
}

/** Runs in the page, at the end. */
function readPage(): Load {
  const { form, shift } = window as unknown as { form: number; shift: number }
  const loaded = [
    ...performance.getEntriesByType('navigation'),
    ...performance.getEntriesByType('resource'),
  ] as PerformanceResourceTiming[]
  const sum = (entries: PerformanceResourceTiming[]) =>
    entries.reduce((total, { transferSize }) => total + transferSize, 0)
  return {
    requests: loaded.length,
    bytes: sum(loaded),
    scriptBytes: sum(loaded.filter(({ initiatorType }) => initiatorType === 'script')),
    firstPaint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
    form,
    shift,
  }
}

const print = (line: string) => void process.stdout.write(`${line}\n`)

const executable = chromiumPath({ isWhole: true })
if (executable === null) {
  process.stderr.write('The benchmark needs Chromium (CHROMIUM_PATH).\n')
  process.exit(1)
}
const port = await freePort()
const database = await openDatabase({ kind: 'memory' })
const config = loadConfig({ PORT: String(port), ENCRYPTION_KEYS: `k1:${'A'.repeat(43)}` })
const app = await createApp(config, { database, logger: createLogger({ level: 'silent' }) })
await app.server.listen({ host: config.host, port })
const browser = await launchChromium(executable)
const loads: Load[] = []
for (let turn = 0; turn < LOADS; turn++) loads.push(await load(browser, config.publicUrl))
await browser.close()
await app.close()
await database.close()

const of = (name: keyof Load) => median(loads.map((each) => each[name]))
print(`requests                     ${of('requests')}`)
print(
  `transferred                  ${(of('bytes') / 1000).toFixed(1)} kB, of which script ${(of('scriptBytes') / 1000).toFixed(1)} kB`,
)
print(`first contentful paint       ${of('firstPaint').toFixed(0)} ms`)
print(`sign-in form                 ${of('form').toFixed(0)} ms`)
print(`cumulative layout shift      ${of('shift')}`)
print(`(medians of ${LOADS} loads, each with an empty cache)`)
