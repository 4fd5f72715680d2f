import { setTimeout } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { type App, createApp } from './app.ts'
import { type Config, ConfigError, loadConfig, readEnvironment } from './config/config.ts'
import { misspelledNames } from './config/misspelled.ts'
import { createLogger } from './platform/logger.ts'
import { shutdownTimes } from './platform/shutdown.ts'
import { explainStartFailure } from './start-failure.ts'

const environment = readEnvironment()
const config = configOrExit()
const app = await startOrExit()
const { logger } = app.gateway.runtime
for (const misspelled of misspelledNames(environment)) logger.warn(misspelled, 'unknown setting: misspelled?')
logger.info({ publicUrl: config.publicUrl }, 'atgate is listening')

const times = shutdownTimes(config.shutdownSeconds)
// A second signal ends the process at once.
closeWithGrace(
  {
    delay: times.all,
    logger: { error: (reason: unknown) => logger.error({ err: reason }, 'not closed cleanly') },
    onTimeout: () => logger.error({ seconds: config.shutdownSeconds }, 'not closed in time'),
    onSecondError: (err) => logger.fatal({ err }, 'not closed: nothing has caught another error'),
    onSecondSignal: (signal) => logger.warn({ signal }, 'not closed: told to end at once'),
  },
  async ({ signal, err }) => {
    if (err !== undefined) logger.fatal({ err }, 'closing: nothing has caught an error')
    else {
      logger.info({ signal }, 'closing')
      app.leave()
      await setTimeout(times.leaving)
    }
    await app.close()
  },
)

async function startOrExit(): Promise<App> {
  try {
    const started = await createApp(config)
    await started.server.listen({ host: config.host, port: config.port })
    return started
  } catch (error) {
    const reason = explainStartFailure(error, config)
    if (reason === null) createLogger({ level: config.logLevel }).fatal({ err: error }, 'not started')
    else process.stderr.write(`${reason}\n`)
    process.exit(1)
  }
}

function configOrExit(): Config {
  try {
    return loadConfig(environment)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const lines = [error.message, ...error.problems.map((problem) => `  ${problem}`), 'See docs/configuration.md.']
    process.stderr.write(`${lines.join('\n')}\n`)
    process.exit(1)
  }
}
