import { createApp } from './app.ts'
import { type Config, ConfigError, loadConfig, readEnvironment } from './config/config.ts'

const config = configOrExit()
const app = await createApp(config)
await app.server.listen({ host: config.host, port: config.port })
app.gateway.runtime.logger.info({ publicUrl: config.publicUrl }, 'atgate is listening')

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    app.gateway.runtime.logger.info({ signal }, 'closing')
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        app.gateway.runtime.logger.error({ err: error }, 'not closed cleanly')
        process.exit(1)
      },
    )
  })
}

function configOrExit(): Config {
  try {
    return loadConfig(readEnvironment())
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const lines = [error.message, ...error.problems.map((problem) => `  ${problem}`), 'See docs/configuration.md.']
    process.stderr.write(`${lines.join('\n')}\n`)
    process.exit(1)
  }
}
