import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'

/** Whether this machine has Redis's own program, which is also its Sentinel and the node of a cluster. */
export const hasRedisServer = spawnSync('redis-server', ['--version']).status === 0

/** What the servers and the Sentinels ask for. Each has to be encoded in a URL. */
export const SERVER_PASSWORD = 'server/secret@1'
export const SENTINEL_PASSWORD = 'sentinel secret'

/** One process of Redis, in a folder and on a port of its own. */
export type RedisServer = {
  port: number
  /** For tests that look at the server itself. */
  url: string
  /** Ends it at once, as when its machine is gone. */
  kill(): Promise<void>
  /** Stops it in the middle of what it does: its connections stand, and nothing is answered. */
  freeze(): void
  thaw(): void
  /** Starts it again, where it was, with what it knew of the others. */
  start(): Promise<void>
  close(): Promise<void>
}

/** The files of a certificate for 127.0.0.1 and localhost. With it a server speaks TLS alone. */
export type ServerCertificate = { cert: string; key: string }

type Program = {
  password: string
  settings: readonly string[]
  args?: readonly string[]
  certificate?: ServerCertificate | undefined
}

async function startServer({ password, settings, args = [], certificate }: Program): Promise<RedisServer> {
  const [port, folder] = [await freePort(), await mkdtemp(join(tmpdir(), 'atgate-redis-'))]
  const file = join(folder, 'redis.conf')
  const listening = certificate === undefined ? [`port ${port}`] : overTls(port, certificate)
  const common = [...listening, 'bind 127.0.0.1', `dir ${folder}`, `requirepass "${password}"`]
  await writeFile(file, [...common, ...settings, ''].join('\n'))
  const url = `${schemeOf(certificate)}://:${encodeURIComponent(password)}@127.0.0.1:${port}`
  let child: ChildProcess

  async function start() {
    child = spawn('redis-server', [file, ...args], { stdio: 'ignore' })
    await until(`a Redis on port ${port}`, async () => (await ask(url, (redis) => redis.call('PING'))) === 'PONG')
  }
  async function kill() {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  await start()
  return {
    port,
    url,
    kill,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    start,
    async close() {
      await kill()
      await rm(folder, { recursive: true })
    },
  }
}

/** One server, without replicas. */
export const startRedis = (): Promise<RedisServer> => startServer({ password: SERVER_PASSWORD, settings: ['save ""'] })

const schemeOf = (certificate: ServerCertificate | undefined) => (certificate === undefined ? 'redis' : 'rediss')

/** Among each other, too. */
function overTls(port: number, { cert, key }: ServerCertificate): string[] {
  return [
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${cert}`,
    `tls-key-file ${key}`,
    `tls-ca-cert-file ${cert}`,
    'tls-auth-clients no',
    'tls-replication yes',
  ]
}

/** A server and its replica, watched by three Sentinels. */
export type Watched = {
  /** For REDIS_URL. */
  url: string
  master: RedisServer
  replica: RedisServer
  /** Waits until the Sentinels agree on the master at this port. */
  agreeOn(port: number): Promise<void>
  /** Lets the Sentinels make the replica the master, while both live, and waits until they agree on it. */
  replaceMaster(): Promise<void>
  close(): Promise<void>
}

const NAME = 'the-master'

/** The Sentinels notice after two seconds that the master is gone. */
export async function startWatched(certificate?: ServerCertificate): Promise<Watched> {
  const settings = ['save ""', `masterauth "${SERVER_PASSWORD}"`, 'repl-diskless-sync-delay 0']
  const master = await startServer({ password: SERVER_PASSWORD, settings, certificate })
  const replica = await startServer({
    password: SERVER_PASSWORD,
    settings: [...settings, `replicaof 127.0.0.1 ${master.port}`],
    certificate,
  })
  const watch = [
    `sentinel monitor ${NAME} 127.0.0.1 ${master.port} 2`,
    `sentinel auth-pass ${NAME} "${SERVER_PASSWORD}"`,
    `sentinel down-after-milliseconds ${NAME} 2000`,
    `sentinel failover-timeout ${NAME} 5000`,
    // By which they ask each other.
    `sentinel sentinel-pass "${SENTINEL_PASSWORD}"`,
  ]
  const sentinels = await Promise.all(
    [1, 2, 3].map(() =>
      startServer({ password: SENTINEL_PASSWORD, settings: watch, args: ['--sentinel'], certificate }),
    ),
  )
  const all = [...sentinels, replica, master]
  const askAll = (command: string) =>
    Promise.all(sentinels.map(({ url }) => ask(url, (redis) => redis.call('SENTINEL', command, NAME))))

  await until('three Sentinels that know the replica and each other', async () => {
    const [replicas, others] = [await askAll('REPLICAS'), await askAll('SENTINELS')] as [unknown[][], unknown[][]]
    const isUp = await ask(replica.url, (redis) => redis.info('replication'))
    return (
      replicas.every(({ length }) => length === 1) &&
      others.every(({ length }) => length === 2) &&
      String(isUp).includes('master_link_status:up')
    )
  })
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const agreeOn = (port: number) =>
    until(`a master on port ${port}`, async () =>
      (await askAll('GET-MASTER-ADDR-BY-NAME')).every((address) => Number((address as string[])[1]) === port),
    )
  return {
    url: `${schemeOf(certificate)}+sentinel://:${encodeURIComponent(SERVER_PASSWORD)}@${hosts}/${NAME}`,
    master,
    replica,
    agreeOn,
    async replaceMaster() {
      // Refused until the Sentinel has heard enough of the replica.
      const begin = () => ask(sentinels[0]?.url ?? '', (redis) => redis.call('SENTINEL', 'FAILOVER', NAME))
      await until('a failover that has begun', async () => (await begin()) === 'OK')
      await agreeOn(replica.port)
    },
    async close() {
      for (const server of all) await server.close()
    },
  }
}

/** Three masters that share the keys. */
export type RedisCluster = {
  /** For REDIS_URL. It names the nodes by a name that they do not tell each other. */
  url: string
  nodes: readonly RedisServer[]
  /** Gives the keys of a node to another one, and the node, which goes on, is no longer of the cluster. */
  takeOut(index: number): Promise<void>
  close(): Promise<void>
}

/** The nodes notice after two seconds that another one is gone. */
export async function startCluster(certificate?: ServerCertificate): Promise<RedisCluster> {
  const buses = [await freePort(), await freePort(), await freePort()]
  const nodes = await Promise.all(
    buses.map((bus) =>
      startServer({
        password: SERVER_PASSWORD,
        settings: [
          'save ""',
          'cluster-enabled yes',
          `cluster-port ${bus}`,
          'cluster-node-timeout 2000',
          ...(certificate === undefined ? [] : ['tls-cluster yes']),
        ],
        certificate,
      }),
    ),
  )
  const [first] = nodes
  for (const [index, { url }] of nodes.entries()) {
    await ask(url, async (redis) => {
      await redis.call('CLUSTER', 'ADDSLOTSRANGE', ...slotsOf(index))
      await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
      if (index > 0) await redis.call('CLUSTER', 'MEET', '127.0.0.1', first?.port ?? 0, buses[0] ?? 0)
    })
  }
  await until('a cluster of three', async () => {
    const states = await Promise.all(nodes.map(({ url }) => ask(url, (redis) => redis.call('CLUSTER', 'INFO'))))
    return states.every((state) => /cluster_state:ok.*cluster_size:3/s.test(String(state)))
  })
  const hosts = nodes.map(({ port }) => `localhost:${port}`).join(',')
  return {
    url: `${schemeOf(certificate)}+cluster://:${encodeURIComponent(SERVER_PASSWORD)}@${hosts}`,
    nodes,
    async takeOut(index) {
      const gone = nodes[index]
      const others = nodes.filter((node) => node !== gone)
      const id = await ask(gone?.url ?? '', (redis) => redis.call('CLUSTER', 'MYID'))
      for (const [turn, { url }] of others.entries()) {
        await ask(url, async (redis) => {
          await redis.call('CLUSTER', 'FORGET', String(id))
          if (turn > 0) return
          await redis.call('CLUSTER', 'ADDSLOTSRANGE', ...slotsOf(index))
          await redis.call('CLUSTER', 'BUMPEPOCH')
        })
      }
      await ask(gone?.url ?? '', async (redis) => {
        await redis.flushall()
        await redis.call('CLUSTER', 'RESET', 'HARD')
      })
    },
    async close() {
      for (const node of nodes) await node.close()
    },
  }
}

/** The first and the last slot of a third of the keys. */
function slotsOf(index: number): [number, number] {
  return [Math.ceil((index * 16384) / 3), Math.ceil(((index + 1) * 16384) / 3) - 1]
}

/** Asks one server. Returns undefined while it cannot be asked. */
async function ask<T>(url: string, question: (redis: Redis) => Promise<T>): Promise<T | undefined> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: null, enableReadyCheck: false })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    return await question(redis)
  } catch {
    return undefined
  } finally {
    redis.disconnect()
  }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await isSo().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`)
    await sleep(50)
  }
}
