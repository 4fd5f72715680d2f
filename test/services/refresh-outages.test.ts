import { afterAll, beforeAll, expect, it } from 'vitest'
import { createOAuthClients } from '../../src/atproto/client.ts'
import { createGrants, type Grants } from '../../src/atproto/grants/grants.ts'
import { createRedisStore } from '../../src/store/ephemeral/redis-store.ts'
import { openDatabase } from '../../src/store/sql/database.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { getSession } from '../support/get-session.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { signIn } from '../support/sign-in.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { openServices } from '../support/stores.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'
import { proxyUrl, type TcpProxy } from '../support/tcp-proxy.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

const SESSIONS = 10
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describeGateway('two replicas that refresh the same grants during an outage', () => {
  let atgate: TestGateway
  let postgres: TcpProxy
  let redis: TcpProxy
  let replicas: Grants[]
  let ids: string[]
  let closeReplica: () => Promise<void>

  beforeAll(async () => {
    const urls: string[] = []
    const stores = await openServices(async (url) => {
      const isPostgres = url.startsWith('postgres')
      const proxied = await proxyUrl(url, isPostgres ? 5432 : 6379)
      if (isPostgres) postgres = proxied.proxy
      else redis = proxied.proxy
      urls.push(proxied.url)
      return proxied.url
    })
    atgate = await startGateway({}, stores)
    const { gateway } = atgate
    const [databaseUrl = '', redisUrl = ''] = urls
    const { clock, logger } = gateway.runtime
    // Its connections, its copies' store and what it holds in memory are its own; the stores behind them are the same.
    // Either of the two may be the one that refreshes a grant, or all of them.
    const onQuery = (sql: string) => void stores.statements.push(sql)
    const database = await openDatabase({ kind: 'postgresql', url: databaseUrl, onQuery })
    const ephemeral = await createRedisStore({
      place: { kind: 'server', url: redisUrl },
      keyPrefix: stores.redisPrefix,
      logger,
    })
    const clients = await createOAuthClients(gateway.config, gateway.atproto.identities.resolver)
    const { sealer } = gateway.stores
    const { pds } = gateway.atproto
    const onChange = () => undefined
    const other = createGrants({ db: database.prisma, ephemeral, sealer, clients, pds, clock, logger, onChange })
    replicas = [gateway.atproto.grants, other]
    closeReplica = async () => {
      await other.close(SECOND)
      await ephemeral.close()
      await database.close()
    }
    for (let index = 0; index < SESSIONS; index++) {
      await signIn(createHttpBrowser(atgate.url), ['alice.test', 'bob.test', 'carol.test'][index % 3] ?? 'alice.test')
    }
    ids = (await gateway.stores.db.grant.findMany({ select: { id: true } })).map(({ id }) => id)
  })
  afterAll(async () => {
    await closeReplica()
    await atgate.close()
    await Promise.all([postgres.close(), redis.close()])
  })

  const db = () => atgate.gateway.stores.db
  const ageAll = async (ms: number) => {
    for (const id of ids) await ageGrant(db(), id, ms)
  }
  const askPds = async (grants: Grants, id: string) =>
    (await getSession({ atproto: { grants, pds: atgate.gateway.atproto.pds } }, id)).status

  const LEASING = '"leaseFence" = "leaseFence" + 1'
  const SENDING = 'SET "sentAt" = clock_timestamp()'
  const STORING = 'SET "sealed"'

  /** Waits until a replica sends this statement, which it does while it works. */
  async function until(statement: string, work: Promise<unknown>): Promise<void> {
    let isOver = false
    void work.then(() => (isOver = true))
    while (!atgate.stores.statements.some((sql) => sql.includes(statement))) {
      if (isOver) throw new Error(`nobody has sent ${statement}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  // A frozen database is frozen for longer than a statement may take.
  it.each<[string, () => TcpProxy, 'cut' | 'stall', string, number]>([
    ['PostgreSQL cut, while they are leased', () => postgres, 'cut', LEASING, 1500],
    ['PostgreSQL cut, while servers are asked', () => postgres, 'cut', SENDING, 1500],
    ['PostgreSQL cut, while answers are stored', () => postgres, 'cut', STORING, 1500],
    ['PostgreSQL frozen, while servers are asked', () => postgres, 'stall', SENDING, 7000],
    ['PostgreSQL frozen, while answers are stored', () => postgres, 'stall', STORING, 7000],
    ['Redis cut, while servers are asked', () => redis, 'cut', SENDING, 1500],
    ['Redis frozen, while servers are asked', () => redis, 'stall', SENDING, 4000],
  ])('%s: none is lost', async (_what, proxy, fault, statement, lasting) => {
    await ageAll(61 * MINUTE)
    atgate.stores.statements.length = 0
    const uses = replicas.flatMap((grants) => ids.map((id) => grants.hold(id)))
    const settled = Promise.allSettled(uses)
    await until(statement, settled)
    proxy()[fault]()
    await sleep(lasting)
    proxy().restore()
    await settled
    await eventually(
      async () => replicas.every((grants) => grants.countUnstored() === 0),
      'what the servers answered is stored',
      20_000,
    )
    await eventually(
      () =>
        db().$queryRaw`SELECT 1`.then(
          () => true,
          () => false,
        ),
      'PostgreSQL is back',
    )
    // Leases and marks of attempts that were broken off have passed.
    await ageAll(61 * SECOND)
    for (const grants of replicas) {
      expect(await Promise.all(ids.map((id) => askPds(grants, id)))).toEqual(ids.map(() => 200))
    }
    expect(await db().grant.count({ where: { state: 'lost' } })).toBe(0)
  })
})
