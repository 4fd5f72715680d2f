import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, openSync } from 'node:fs'
import { chmod, chown, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from '../../support/free-port.ts'
import type { Service } from './service.ts'
import { childrenOf, signal } from './signals.ts'

const run = promisify(execFile)

const DEAD_FOR = 1000
const LONGEST_START = 60_000

/** Starts a cluster in a folder, with the newest PostgreSQL of the machine. */
export async function startPostgres(folder: string): Promise<Service> {
  const bin = findPostgres()
  const data = join(folder, 'data')
  const port = await freePort()
  const url = `postgresql://test@127.0.0.1:${port}/postgres`
  const as = await allowedUser()
  await mkdir(folder)
  if (as.uid !== undefined) await giveAway(folder, as)
  const options = { ...as, cwd: '/' }
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'test', '--auth=trust', '--no-sync'], options)
  const log = openSync(join(folder, 'log'), 'a')

  async function start(): Promise<ChildProcess> {
    // Only its processes crash here, never the machine, so nothing has to reach the disk. But each commit must have left
    // the process when it is answered: synchronous_commit stays on.
    const settings = ['listen_addresses=127.0.0.1', 'max_connections=200', 'fsync=off'].flatMap((each) => ['-c', each])
    const args = ['-D', data, '-p', String(port), '-k', folder, ...settings]
    const started = spawn(join(bin, 'postgres'), args, { ...options, stdio: ['ignore', log, log] })
    await answers(url, started)
    return started
  }

  async function end(how: NodeJS.Signals) {
    const exit = once(server, 'exit')
    server.kill(how)
    await exit
  }

  let server = await start()
  return {
    name: 'PostgreSQL',
    url,
    // SIGINT is its fast shutdown, SIGQUIT its immediate one.
    async restart() {
      await end('SIGINT')
      server = await start()
    },
    async kill() {
      const backends = childrenOf(server.pid ?? 0)
      await end('SIGKILL')
      for (const pid of backends) signal(pid, 'SIGKILL')
      await sleep(DEAD_FOR)
      server = await start()
    },
    async freeze(ms) {
      // The postmaster first, so that it starts no other process.
      server.kill('SIGSTOP')
      const backends = childrenOf(server.pid ?? 0)
      try {
        for (const pid of backends) signal(pid, 'SIGSTOP')
        await sleep(ms)
      } finally {
        for (const pid of backends) signal(pid, 'SIGCONT')
        server.kill('SIGCONT')
      }
    },
    stop: () => end('SIGQUIT'),
  }
}

function findPostgres(): string {
  const [newest] = globSync('/usr/lib/postgresql/*/bin/initdb').toSorted((a, b) => versionOf(b) - versionOf(a))
  if (newest === undefined) throw new Error('PostgreSQL was not found: install the package postgresql')
  return dirname(newest)
}

const versionOf = (path: string) => Number(path.split('/')[4])

type User = { uid?: number; gid?: number }

/** PostgreSQL refuses to run as root, and then has a user of its own. */
async function allowedUser(): Promise<User> {
  if (process.getuid?.() !== 0) return {}
  const idOf = async (what: string) => Number((await run('id', [what, 'postgres'])).stdout)
  return { uid: await idOf('-u'), gid: await idOf('-g') }
}

async function giveAway(folder: string, { uid = 0, gid = 0 }: User): Promise<void> {
  await chown(folder, uid, gid)
  await chmod(dirname(folder), 0o711)
}

async function answers(url: string, server: ChildProcess): Promise<void> {
  for (const deadline = performance.now() + LONGEST_START; ; ) {
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (server.exitCode !== null || performance.now() > deadline) throw error
      await sleep(100)
    }
  }
}
