import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort } from '../../support/free-port.ts'
import type { Service } from './service.ts'

/** Starts a Redis that keeps nothing: whatever ends it takes all that it holds along. */
export async function startRedis(folder: string): Promise<Service> {
  const port = await freePort()
  let server = await start(port, folder)

  async function end(how: NodeJS.Signals) {
    const exit = once(server, 'exit')
    server.kill(how)
    await exit
  }
  return {
    name: 'Redis',
    url: `redis://127.0.0.1:${port}`,
    async restart() {
      await end('SIGTERM')
      server = await start(port, folder)
    },
    async kill() {
      await end('SIGKILL')
      await sleep(1000)
      server = await start(port, folder)
    },
    async freeze(ms) {
      server.kill('SIGSTOP')
      try {
        await sleep(ms)
      } finally {
        server.kill('SIGCONT')
      }
    },
    stop: () => end('SIGKILL'),
  }
}

async function start(port: number, folder: string): Promise<ChildProcess> {
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', '']
  const server = spawn('redis-server', args, { stdio: 'ignore' })
  await Promise.race([once(server, 'spawn'), once(server, 'error').then(notFound)])
  const client = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 100, maxRetriesPerRequest: 100 })
  client.on('error', () => undefined)
  try {
    await client.ping()
  } finally {
    client.disconnect()
  }
  return server
}

function notFound([cause]: unknown[]): never {
  throw new Error('redis-server was not found: install the package redis-server', { cause })
}
