import { createApp } from '../app.ts'
import { type Config, ConfigError, loadConfig, readEnvironment } from '../config/config.ts'
import { replaceKeys } from '../services/identity-keys/rows.ts'
import { explainStartFailure } from '../start-failure.ts'

// npm run rotate-identity-keys: replaces the keys of identity tokens at once, where one has leaked.
try {
  await rotate(loadConfig(readEnvironment()))
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  fail([error.message, ...error.problems.map((problem) => `  ${problem}`)].join('\n'))
}

async function rotate(config: Config): Promise<void> {
  try {
    const { gateway, close } = await createApp(config)
    const kid = await replaceKeys(gateway.stores, new Date(gateway.runtime.clock()))
    await close()
    process.stdout.write(`Identity tokens are signed with the new key ${kid}. Replicas follow within a minute.\n`)
  } catch (error) {
    const reason = explainStartFailure(error, config)
    if (reason === null) throw error
    fail(reason)
  }
}

function fail(reason: string): void {
  process.stderr.write(`${reason}\n`)
  process.exitCode = 1
}
