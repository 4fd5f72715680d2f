import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, inject } from 'vitest'
import type { Environment } from '../../src/config/config.ts'
import { launchChromium } from './chromium.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { storesAreThere } from './suite.ts'

const chromium = inject('chromium')

/** In milliseconds: less than a test has, so that it says which step it waited for. */
const STEP_TIMEOUT = 100_000

/** A suite that drives a whole gateway from Chromium, over the stores of the project that it runs in. */
export const describeBrowser = describe.skipIf(chromium === null || !storesAreThere)

/**
 * What a test of such a suite works with: a gateway for all of them, and a browser profile with an empty page for each.
 */
export type Scene = { atgate: TestGateway; context: BrowserContext; page: Page }

/** Sets the scene for the tests of the suite that it is called in. */
export function useScene(env: Environment = {}): Scene {
  let browser: Browser
  const scene = {} as Scene

  beforeAll(async () => {
    scene.atgate = await startGateway(env)
    browser = await launchChromium(chromium ?? '')
  })
  afterAll(async () => {
    await browser.close()
    await scene.atgate.close()
  })
  beforeEach(async () => {
    scene.context = await browser.newContext()
    scene.context.setDefaultTimeout(STEP_TIMEOUT)
    scene.page = await scene.context.newPage()
  })
  afterEach(() => scene.context.close())
  return scene
}
