import { spawn, spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'

/** Whether this machine has PgBouncer, as Debian packages it. */
export const hasPgbouncer = spawnSync('pgbouncer', ['--version']).status === 0

export type Pgbouncer = { url: string; close(): Promise<void> }

/** Starts PgBouncer before the database of `url`, in transaction mode, with `poolSize` connections to it. */
export async function startPgbouncer(url: string, { poolSize }: { poolSize: number }): Promise<Pgbouncer> {
  const { hostname, port, username, password, pathname } = new URL(url)
  const folder = await mkdtemp(join(tmpdir(), 'atgate-pgbouncer-'))
  const own = await freePort()
  const database = pathname.slice(1)
  const credentials = `user=${username} password=${password || 'none'}`
  await writeFile(
    join(folder, 'pgbouncer.ini'),
    `[databases]
${database} = host=${hostname} port=${port || 5432} dbname=${database} ${credentials}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
`,
  )
  await chmod(folder, 0o755)
  // It refuses to run as root.
  const as = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn('pgbouncer', [...as, join(folder, 'pgbouncer.ini')], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      said += String(chunk)
      if (said.includes('process up')) resolve()
    })
    child.once('error', reject)
    void ended.then(() => reject(new Error(`pgbouncer has ended: ${said}`)))
  })
  return {
    url: `postgresql://${username}@127.0.0.1:${own}/${database}`,
    async close() {
      child.kill('SIGKILL')
      await ended
      await rm(folder, { recursive: true })
    },
  }
}
