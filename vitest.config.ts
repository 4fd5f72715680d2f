import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** The suites that drive a whole gateway over HTTP. */
const GATEWAY_SUITES = ['test/gateway/**/*.test.ts', 'test/attacks/**/*.test.ts']

/** The suites that drive a whole gateway from Chromium. */
const BROWSER_SUITES = ['test/browser/**/*.test.ts']

/** The suites that drive a whole gateway behind a real reverse proxy. `npm test` runs one of them. */
const PROXY_SUITES = ['test/proxies/*.test.ts']
const USUAL_PROXY_SUITES = ['test/proxies/nginx.test.ts']

/** Suites of what only services outside the process can do: be away. */
const SERVICE_SUITES = ['test/services/{idle-hour,outages,refresh-outages}.test.ts']

/** Suites that replace modules, which only a process of their own forgets. */
const ISOLATED_SUITES = ['test/store/sql/migrate.test.ts']

/** Suites of functions by themselves. Most work over a database in memory, which the files of one process share. */
const UNIT_SUITES = ['test/{atproto,flows,sessions,services}/**/*.test.ts']

/**
 * Gateway suites whose outcome the kind of stores can change: what is taken once, locked, counted, swept, published or found again
 * by another process. The others ask the same SQL of the same schema for something else, so `npm test` runs them over the embedded
 * stores alone, which need nothing of the machine; and so it does with Chromium, which sees nothing of the stores.
 */
const STORE_SUITES = [
  'attacks/frequency',
  'gateway/flows-side-by-side',
  'gateway/grant-refresh',
  'gateway/housekeeping',
  'gateway/identity-tokens',
  'gateway/linked-accounts',
  'gateway/lost-answers',
  'gateway/named-account',
  'gateway/refusals',
  'gateway/replicas',
  'gateway/secrets',
  'gateway/session-changed',
  'gateway/sessions',
  'gateway/switching',
  'gateway/two-tabs',
  'gateway/unlinking',
].map((name) => `test/${name}.test.ts`)

/** `--mode full` (npm run test:full) runs every gateway and browser suite over both kinds of stores. */
export default defineConfig(({ mode }) => ({
  // Vite resolves the `development` condition, by which graphql would be loaded twice: once so, and once as Node does.
  ssr: { resolve: { conditions: ['node', 'module-sync'] } },
  test: {
    globalSetup: 'test/support/global-setup.ts',
    provide: { tier: mode === 'full' ? 'full' : 'usual' },
    // Tests of a gateway wait for the PDS or for Chromium most of the time. Vitest's own default leaves one core idle.
    maxWorkers: 2 * availableParallelism(),
    // A whole gateway takes more than a second to import, and a database a second to open. Neither keeps anything in its
    // modules that a test could see, so files share processes.
    isolate: false,
    // On a busy machine a test of pages takes six times as long as by itself.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // What comes soon by itself may take seconds then. Vitest's own default is one.
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: [
            ...UNIT_SUITES,
            ...GATEWAY_SUITES,
            ...BROWSER_SUITES,
            ...PROXY_SUITES,
            ...SERVICE_SUITES,
            ...ISOLATED_SUITES,
          ],
        },
      },
      { extends: true, test: { name: 'isolated', include: ISOLATED_SUITES, isolate: true } },
      { extends: true, test: { name: 'units', include: UNIT_SUITES, exclude: SERVICE_SUITES } },
      {
        extends: true,
        test: {
          name: 'embedded',
          include: [...GATEWAY_SUITES, ...BROWSER_SUITES, ...(mode === 'full' ? PROXY_SUITES : USUAL_PROXY_SUITES)],
          provide: { stores: 'embedded' },
        },
      },
      {
        extends: true,
        test: {
          name: 'services',
          include: [...SERVICE_SUITES, ...(mode === 'full' ? [...GATEWAY_SUITES, ...BROWSER_SUITES] : STORE_SUITES)],
          provide: { stores: 'services' },
        },
      },
    ],
  },
}))
