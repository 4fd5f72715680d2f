import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A reverse proxy that a recipe of `examples/proxies` is for. */
export type ProxyProgram = {
  name: 'nginx' | 'Caddy' | 'HAProxy'
  command: string
  /** The files of the recipe, the one that is started first. */
  recipe: readonly [string, ...string[]]
  /** What stands around the recipe, in the main file of a proxy that has one. */
  frame?(recipe: string): string
  args(file: string, folder: string): string[]
}

/** A running proxy, with the recipe as users copy it: only the addresses differ. */
export type RunningProxy = { output(): string; close(): Promise<void> }

/** The ports of the proxy and of what stands behind it: those that the recipe names. */
export type ProxyAddresses = { listens: number; gateway: number; replica?: number; service?: number }

const FOLDER = new URL('../../examples/proxies/', import.meta.url)

export const NGINX: ProxyProgram = {
  name: 'nginx',
  command: 'nginx',
  recipe: ['nginx.conf'],
  frame: (recipe) => `
    daemon off;
    master_process off;
    pid nginx.pid;
    error_log stderr notice;
    events {}
    http {
      access_log off;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${kind};`).join(' ')}
      ${recipe}
    }`,
  args: (file, folder) => ['-p', folder, '-c', file],
}

/** nginx before two replicas of the gateway alone. */
export const NGINX_BEFORE_REPLICAS: ProxyProgram = { ...NGINX, recipe: ['nginx-replicas.conf'] }

export const CADDY: ProxyProgram = {
  name: 'Caddy',
  command: 'caddy',
  recipe: ['Caddyfile'],
  frame: (recipe) => `{
	admin off
	auto_https off
}
${recipe}`,
  args: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
}

export const HAPROXY: ProxyProgram = {
  name: 'HAProxy',
  command: 'haproxy',
  recipe: ['haproxy.cfg', 'atgate.lua'],
  args: (file) => ['-db', '-f', file],
}

/** Whether a proxy is installed here. */
export function isInstalled({ command }: ProxyProgram): boolean {
  // Debian keeps these where only root looks.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return folders.some((folder) => existsSync(join(folder, command)))
}

/** Starts a proxy, and waits until it listens. */
export async function startProxy(program: ProxyProgram, addresses: ProxyAddresses): Promise<RunningProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'atgate-proxy-'))
  for (const name of program.recipe) await cp(new URL(name, FOLDER), join(folder, name))
  const [main] = program.recipe
  for (const name of program.recipe) {
    const text = readdress(await readFile(join(folder, name), 'utf8'), addresses)
    const framed = name === main ? (program.frame?.(text) ?? text) : text
    await writeFile(join(folder, name), framed)
  }
  const env = { PATH: `${process.env.PATH}:/usr/sbin`, HOME: folder }
  const child = spawn(program.command, program.args(join(folder, main), folder), { cwd: folder, env })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const ended = once(child, 'exit')
  try {
    await listening(addresses.listens, () => {
      if (child.exitCode !== null) throw new Error(`${program.name} has ended: ${output}`)
    })
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return {
    output: () => output,
    async close() {
      child.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true })
    },
  }
}

function readdress(text: string, { listens, gateway, replica, service }: ProxyAddresses): string {
  return text
    .replaceAll('127.0.0.1:4000', `127.0.0.1:${gateway}`)
    .replaceAll('127.0.0.1:4001', `127.0.0.1:${replica}`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${service}`)
    .replaceAll(/(listen |bind :|http:\/\/:)8000/g, `$1${listens}`)
}

async function listening(port: number, check: () => void): Promise<void> {
  const deadline = Date.now() + 30_000
  while (Date.now() < deadline) {
    check()
    const socket = connect(port, '127.0.0.1')
    const isOpen = await Promise.race([
      once(socket, 'connect').then(
        () => true,
        () => false,
      ),
      sleep(1000, false),
    ])
    socket.destroy()
    if (isOpen) return
    await sleep(50)
  }
  throw new Error(`nothing listens on port ${port}`)
}
