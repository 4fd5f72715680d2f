import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { type Replica, startReplica } from './replica.ts'
import type { Verdict } from './verdict.ts'

type Options = {
  folder: string
  databaseUrl: string
  redisUrl: string
  network: { plcUrl: string; pdsUrl: string }
  verdict: Verdict
}

/** Starts two replicas behind one public address, which is the first one's own. */
export async function startGateways({ folder, databaseUrl, redisUrl, network, verdict }: Options) {
  const ports = [await freePort(), await freePort()] as const
  const publicUrl = `http://127.0.0.1:${ports[0]}`
  const env = {
    NODE_ENV: 'production',
    PUBLIC_URL: publicUrl,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    ENCRYPTION_KEYS: `faults:${randomBytes(32).toString('base64url')}`,
    PLC_DIRECTORY_URL: network.plcUrl,
    HANDLE_RESOLVER_URL: network.pdsUrl,
    ALLOW_INSECURE_PDS: 'on',
    // Everybody comes from one address, and a machine of two cores is never idle in this run.
    RATE_LIMITS: 'off',
    MAX_EVENT_LOOP_DELAY: 'off',
  }
  const start = async (name: string, port: number): Promise<Replica> => {
    // Without a .env file of the project.
    const cwd = join(folder, name)
    await mkdir(cwd)
    const onCrash = (how: object) => verdict.violation('replicas that crashed', how)
    return startReplica({ name, port, env, cwd, logFile: join(folder, `${name}.log`), onCrash })
  }
  const replicas = await Promise.all([start('replica-1', ports[0]), start('replica-2', ports[1])])
  return { publicUrl, replicas }
}
