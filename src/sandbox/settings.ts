import { join } from 'node:path'
import { ConfigError, type Environment } from '../config/config.ts'
import { wholeNumber } from '../config/fields.ts'
import type { Network } from './network.ts'
import { SAMPLE_SET } from './publisher.ts'

/** The settings of the sandbox itself, and the environment that it passes to its gateway. */
export type SandboxSettings = { plcPort: number; pdsPort: number; dataDir: string; environment: Environment }

const port = wholeNumber({ min: 1, max: 65535 })

/**
 * Reads the sandbox's settings. Its data is apart from that of a gateway started with `npm start`.
 * @throws ConfigError
 */
export function sandboxSettings(env: Environment): SandboxSettings {
  const pdsPort = port.safeParse(env.SANDBOX_PDS_PORT ?? '2583')
  const plcPort = port.safeParse(env.SANDBOX_PLC_PORT ?? '2582')
  if (!pdsPort.success || !plcPort.success) {
    const name = pdsPort.success ? 'SANDBOX_PLC_PORT' : 'SANDBOX_PDS_PORT'
    throw new ConfigError([`${name}: ${(pdsPort.success ? plcPort : pdsPort).error?.issues[0]?.message}`])
  }
  const dataDir = join(env.DATA_DIR || '.data', 'sandbox')
  return {
    plcPort: plcPort.data,
    pdsPort: pdsPort.data,
    dataDir,
    environment: {
      OAUTH_OPTIONAL_SCOPES: `transition:generic transition:email include:${SAMPLE_SET}`,
      ACCOUNT_CREATION: 'on',
      LOG_LEVEL: 'warn',
      // Its PDS and its directory run in the same process, so what keeps it busy is not the gateway's load.
      MAX_EVENT_LOOP_DELAY: 'off',
      ...env,
      // The sandbox's PDS is on http://localhost, which a gateway otherwise refuses.
      ALLOW_INSECURE_PDS: 'on',
      DATA_DIR: join(dataDir, 'gateway'),
    },
  }
}

/**
 * The whole environment of the gateway: the defaults that connect it to the sandbox's network, and what overrides them.
 */
export function gatewayEnvironment(
  { plcUrl, pdsUrl, publisher }: Pick<Network, 'plcUrl' | 'pdsUrl' | 'publisher'>,
  { environment }: Pick<SandboxSettings, 'environment'>,
): Environment {
  const option = {
    name: 'Sandbox',
    url: pdsUrl,
    recommended: true,
    description: 'On this machine, for trying things out.',
  }
  return {
    PLC_DIRECTORY_URL: plcUrl,
    HANDLE_RESOLVER_URL: pdsUrl,
    LEXICON_AUTHORITY_DID: publisher.did,
    PDS_OPTIONS: JSON.stringify([option]),
    ...environment,
  }
}
