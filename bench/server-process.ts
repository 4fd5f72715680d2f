import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Cores } from './cores.ts'

/** A server in a process of its own. */
export type ServerProcess = AsyncDisposable & {
  url: string
  /** User and system time so far, in milliseconds. */
  cpuMs(): Promise<number>
  /** Bytes in use, after a collection of garbage: of a gateway that was started with `hasGc`. */
  usedBytes(): Promise<number>
}

type Options = {
  file: URL
  cores: Cores | null
  env: Record<string, string>
  hasGc?: boolean
}

/** Starts a server, on the core of the servers, and waits until it listens. */
export async function startServer({ file, cores, env, hasGc = false }: Options): Promise<ServerProcess> {
  const node = [process.execPath, ...process.execArgv, ...(hasGc ? ['--expose-gc'] : [])]
  const [execPath = '', ...execArgv] = cores === null ? node : ['taskset', '-c', cores.servers, ...node]
  const child = fork(file, {
    execPath,
    execArgv,
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
    // Servers write their logs as in production, but to /dev/null.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const { port } = await Promise.race([messageOf<{ port: number }>(child), once(child, 'exit').then(() => ended(file))])
  return {
    url: `http://127.0.0.1:${port}`,
    cpuMs: async () => (await ask<{ cpuMs: number }>(child, 'cpu')).cpuMs,
    usedBytes: async () => (await ask<{ used: number }>(child, 'memory')).used,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

async function ask<T>(child: ChildProcess, what: string): Promise<T> {
  const answer = messageOf<T>(child)
  child.send(what)
  return answer
}

async function messageOf<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, 'message')) as [T]
  return message
}

function ended(file: URL): never {
  throw new Error(`${file.pathname} ended before it listened`)
}
