import { defineConfig } from 'vitest/config'

/** The suites that drive a whole gateway; they run over both kinds of stores. */
const GATEWAY_SUITES = ['test/gateway/**/*.test.ts', 'test/browser/**/*.test.ts']

/** Suites of what only services outside the process can do: be away. */
const SERVICE_SUITES = ['test/services/**/*.test.ts']

/** Suites of how the portal looks, which is the same over all stores. */
const LOOKS_SUITES = ['test/browser/looks.test.ts']

const common = { testTimeout: 60_000, hookTimeout: 60_000 }

export default defineConfig({
  // Vite resolves the `development` condition, by which graphql would be loaded twice: once so, and once as Node does.
  ssr: { resolve: { conditions: ['node', 'module-sync'] } },
  test: {
    globalSetup: 'test/support/global-setup.ts',
    projects: [
      {
        extends: true,
        test: {
          ...common,
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: [...GATEWAY_SUITES, ...SERVICE_SUITES],
        },
      },
      {
        extends: true,
        test: { ...common, name: 'embedded', include: GATEWAY_SUITES, provide: { stores: 'embedded' } },
      },
      {
        extends: true,
        test: {
          ...common,
          name: 'services',
          include: [...GATEWAY_SUITES, ...SERVICE_SUITES],
          exclude: LOOKS_SUITES,
          provide: { stores: 'services' },
        },
      },
    ],
  },
})
