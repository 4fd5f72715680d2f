import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createApp } from '../app.ts'
import { ConfigError, loadConfig, readEnvironment } from '../config/config.ts'
import { SANDBOX_PASSWORD } from './accounts.ts'
import { type Network, startNetwork } from './network.ts'
import { gatewayEnvironment, type SandboxSettings, sandboxSettings } from './settings.ts'

const print = (line: string) => void process.stdout.write(`${line}\n`)

/** Starts everything. If a step fails, closes what the earlier steps started. */
async function startSandbox(fresh: boolean): Promise<{ close(): Promise<void> }> {
  const settings = sandboxSettings(readEnvironment())
  if (fresh) await rm(settings.dataDir, { recursive: true, force: true })
  const network = await startNetwork({ ...settings, dataDir: join(settings.dataDir, 'network'), onProgress: print })
  try {
    const app = await startGateway(network, settings)
    return {
      async close() {
        await app.close()
        await network.close()
      },
    }
  } catch (error) {
    await network.close()
    throw error
  }
}

async function startGateway(network: Network, settings: SandboxSettings) {
  print('Starting the gateway (the first start sets up its database)')
  const config = loadConfig(gatewayEnvironment(network, settings))
  const app = await createApp(config)
  try {
    await app.server.listen({ host: config.host, port: config.port })
  } catch (error) {
    await app.close()
    throw error
  }
  const handles = network.accounts.map((account) => account.handle).join(', ')
  print(`
  Open      ${config.publicUrl}
  GraphiQL  ${config.publicUrl}/graphql
  Sign in   ${handles}   password: ${SANDBOX_PASSWORD}
  PDS       ${network.pdsUrl}

  Ctrl-C stops it. Accounts and sessions are kept; npm run sandbox -- --fresh deletes them.
`)
  return app
}

const { values } = parseArgs({ options: { fresh: { type: 'boolean', default: false } } })
try {
  const sandbox = await startSandbox(values.fresh)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      print('Stopping')
      sandbox.close().then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`Not stopped cleanly: ${error}\n`)
          process.exit(1)
        },
      )
    })
  }
} catch (error) {
  const problems =
    error instanceof ConfigError ? error.problems : [error instanceof Error ? error.message : String(error)]
  process.stderr.write(`The sandbox could not start.\n${problems.map((problem) => `  ${problem}`).join('\n')}\n`)
  process.exit(1)
}
