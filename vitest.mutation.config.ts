import { defineConfig } from 'vitest/config'

/** The tests that `npm run test:mutation` runs for each mutant: those that need no PDS, browser or service, and are fast. */
export default defineConfig({
  // As in vitest.config.ts.
  ssr: { resolve: { conditions: ['node', 'module-sync'] } },
  test: {
    globalSetup: 'test/support/global-setup.ts',
    include: ['test/{atproto,flows,sessions,store}/**/*.test.ts'],
    exclude: ['test/store/**/{redis-*,postgres-adapter,migrate,database,outage}.test.ts'],
    // The files share a process and with it one database.
    isolate: false,
    fileParallelism: false,
    hookTimeout: 60_000,
  },
})
