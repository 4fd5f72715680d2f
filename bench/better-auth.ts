import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { newId, newSecret } from '../src/platform/random.ts'
import { freePort } from '../test/support/free-port.ts'
import { openRedisKeys } from '../test/support/redis-keys.ts'
import { REDIS_URL } from '../test/support/services.ts'
import type { Cores } from './cores.ts'
import type { Cookies } from './requests.ts'
import { startServer } from './server-process.ts'

const FOLDER = new URL('./better-auth/', import.meta.url)

/** The version that is measured. */
export const BETTER_AUTH_VERSION = versionIn('package-lock.json', 'packages', 'node_modules/better-auth')

export type BetterAuth = AsyncDisposable & { url: string; cookies: Cookies; cpuMs(): Promise<number> }

type Options = {
  cores: Cores | null
  databaseUrl: string
  /** Whether its signed cookie answers instead of Redis. */
  hasCookieCache: boolean
}

/** Installs better-auth into its folder, unless that version is there. It is no dependency of the gateway. */
export function installBetterAuth(): void {
  const installed = 'node_modules/better-auth/package.json'
  if (existsSync(new URL(installed, FOLDER)) && versionIn(installed) === BETTER_AUTH_VERSION) return
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: FOLDER, stdio: 'inherit' })
  if (status !== 0) throw new Error('better-auth could not be installed')
}

/** Starts better-auth and creates an account, whose cookies it is then asked with. */
export async function startBetterAuth({ cores, databaseUrl, hasCookieCache }: Options): Promise<BetterAuth> {
  const keyPrefix = `bench-better-auth:${newId()}:`
  const server = await startServer({
    file: new URL('server.js', FOLDER),
    cores,
    env: {
      BASE_URL: `http://127.0.0.1:${await freePort()}`,
      COOKIE_CACHE: hasCookieCache ? 'on' : 'off',
      DATABASE_URL: databaseUrl,
      KEY_PREFIX: keyPrefix,
      REDIS_URL,
      SECRET: newSecret(),
    },
  })
  const cookie = await signUp(server.url)
  return {
    ...server,
    cookies: () => cookie,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await openRedisKeys(keyPrefix).close()
    },
  }
}

async function signUp(url: string): Promise<string> {
  const response = await fetch(`${url}/api/auth/sign-up/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify({ name: 'Alice', email: `${newId()}@example.com`, password: newSecret() }),
  })
  if (response.status !== 200) throw new Error(`better-auth answered ${response.status} ${await response.text()}`)
  return response.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
}

function versionIn(file: string, ...path: string[]): string {
  const json: unknown = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'))
  const found = path.reduce((value, key) => (value as Record<string, unknown>)[key], json)
  return (found as { version: string }).version
}
