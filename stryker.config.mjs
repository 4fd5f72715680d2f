// @ts-check

/**
 * `npm run test:mutation`: alters one expression of the source after another, and sees whether a unit test fails.
 * @type {import('@stryker-mutator/api/core').PartialStrykerOptions}
 */
export default {
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutation.config.ts', related: false },
  plugins: ['@stryker-mutator/vitest-runner'],
  // Stryker rewrites paths in a tsconfig with an API that TypeScript 7 no longer has. A name that is not there skips that.
  tsconfigFile: 'no-tsconfig.json',
  ignorePatterns: ['.data', 'docs', 'web/dist'],
  mutate: [
    'src/{sessions,flows,atproto,store}/**/*.ts',
    '!**/generated/**',
    // What only an authorization server shows: pushing a request, redeeming, refreshing and revoking. The gateway suites do,
    // with a real PDS.
    '!src/flows/{start,callback}.ts',
    '!src/atproto/{authorization,client,identity}.ts',
    '!src/atproto/grants/{grants,use,refresh,revoke}.ts',
    // What only Redis and PostgreSQL show.
    '!src/store/ephemeral/redis-*.ts',
    '!src/store/sql/{database,postgres-adapter}.ts',
    // Opening and migrating a database. Their tests take seconds each, since each has to load Prisma's engine.
    '!src/store/sql/{migrate,pglite-adapter,schema-engine}.ts',
  ],
  coverageAnalysis: 'perTest',
  // A mutant of what runs once, when a module is loaded, would need a new process for each.
  ignoreStatic: true,
  concurrency: 2,
  // Generous: on a busy machine a slow test is not to count as a mutant that was noticed.
  timeoutMS: 30_000,
  reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
  clearTextReporter: { allowColor: false, allowEmojis: false, logTests: false },
  htmlReporter: { fileName: '.data/mutation/index.html' },
  jsonReporter: { fileName: '.data/mutation/report.json' },
  tempDirName: '.data/mutation/sandboxes',
  thresholds: { high: 90, low: 80, break: 75 },
}
