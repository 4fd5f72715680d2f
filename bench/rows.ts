import { createFreshDatabase } from '../test/support/fresh-database.ts'
import { startBetterAuth } from './better-auth.ts'
import type { Cores } from './cores.ts'
import { type FilledDatabase, startGateway } from './gateways.ts'
import type { Load } from './load.ts'
import { ROW_KEYS, type RowKey, type Samples } from './measures.ts'
import { measureRates, type Row, type Scale } from './rates.ts'
import { type Cookies, cold, currentUser, get, QUERY, verify, warm } from './requests.ts'
import { type ServerProcess, startServer } from './server-process.ts'

type Options = {
  /** Databases with few sessions and with many. */
  few: FilledDatabase
  many: FilledDatabase
  cores: Cores | null
  scale: Scale
  /** Another checkout, whose gateway is measured too. */
  beside: URL | null
}

type Rows = Partial<Record<RowKey, Row>>

/** Starts every server, asks them in turn, and stops them. */
export async function measureAllRates(options: Options): Promise<Samples> {
  await using stack = new AsyncDisposableStack()
  const rows: Rows = {
    ...(await gatewaysAndBaselines(stack, options)),
    ...(await betterAuthRows(stack, options)),
  }
  // What is compared with each other is measured one after the other.
  const inOrder = ROW_KEYS.flatMap((key) => (rows[key] === undefined ? [] : [[key, rows[key]] as const]))
  // Awaited here, or the servers would be stopped before.
  return await measureRates(Object.fromEntries(inOrder), options.scale)
}

async function gatewaysAndBaselines(stack: AsyncDisposableStack, { few, many, cores, beside }: Options): Promise<Rows> {
  const sessions = few.clients.count
  const cookies = { warm: warm(few.clients), cold: cold(few.clients) }
  const gateway = stack.use(await startGateway({ databaseUrl: few.url, cores }))
  const ofFew = stack.use(await startGateway({ databaseUrl: few.url, cores }))
  const ofMany = stack.use(await startGateway({ databaseUrl: many.url, cores }))
  const other = beside && stack.use(await startGateway({ databaseUrl: few.url, cores, checkout: beside }))
  const baseline = async (file: string, env: Record<string, string> = {}) =>
    stack.use(await startServer({ file: new URL(file, import.meta.url), cores, env }))
  const answer = JSON.stringify(await currentUserOf(gateway.url, cookies.warm))
  const graphql = await baseline('./servers/graphql.ts', { BENCH_ANSWER: answer })
  await requireSameAnswers(gateway.url, graphql.url, cookies.warm)
  const http = await baseline('./servers/http.ts')
  const select = await baseline('./servers/select.ts', { DATABASE_URL: few.url })
  return {
    ...gatewayRows(gateway, cookies, sessions),
    ...(other && ofOther(gatewayRows(other, cookies, sessions))),
    bareGraphql: { server: graphql, load: answeredAlone(currentUser(graphql.url)) },
    bareHttp: { server: http, load: answeredAlone(get('/', { url: http.url, cookies: cookies.warm, expected: '' })) },
    bareSelect: {
      server: select,
      load: get('/', { url: select.url, cookies: cookies.cold, expected: 'did:plc:' }),
    },
    // Two gateways that do nothing else, and are asked in the same way, so that only the databases differ.
    verifyColdOfFew: { server: ofFew, load: verify(ofFew.url, cookies.cold), sessions },
    verifyColdOfMany: { server: ofMany, load: verify(ofMany.url, cold(many.clients)), sessions },
  }
}

async function betterAuthRows(stack: AsyncDisposableStack, { cores }: Options): Promise<Rows> {
  const database = await createFreshDatabase()
  stack.defer(() => database.drop())
  const start = async (hasCookieCache: boolean) => {
    const server = stack.use(await startBetterAuth({ cores, databaseUrl: database.url, hasCookieCache }))
    const { url, cookies } = server
    return { server, load: get('/api/auth/get-session', { url, cookies, expected: '"session":{' }) }
  }
  return { betterAuth: await start(false), betterAuthCookie: await start(true) }
}

function gatewayRows(server: ServerProcess, { warm, cold }: { warm: Cookies; cold: Cookies }, sessions: number) {
  const { url } = server
  return {
    currentUserWarm: { server, load: answeredAlone(currentUser(url, warm)) },
    currentUserCold: { server, load: currentUser(url, cold), sessions },
    verifyWarm: { server, load: answeredAlone(verify(url, warm)) },
    verifyCold: { server, load: verify(url, cold), sessions },
  } satisfies Rows
}

/**
 * What a server answers by itself. With the load generator asleep an answer costs its server half as much again, to wake
 * the other core: only those that are too slow to keep it busy. Where a server asks PostgreSQL or Redis, these need the
 * core.
 */
function answeredAlone(load: Load): Load {
  return { ...load, staysAwake: true }
}

function ofOther({ currentUserWarm, currentUserCold, verifyWarm, verifyCold }: ReturnType<typeof gatewayRows>) {
  return {
    otherCurrentUserWarm: currentUserWarm,
    otherCurrentUserCold: currentUserCold,
    otherVerifyWarm: verifyWarm,
    otherVerifyCold: verifyCold,
  } satisfies Rows
}

async function currentUserOf(url: string, cookies: Cookies): Promise<unknown> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', cookie: cookies() },
    body: JSON.stringify({ query: QUERY }),
  })
  return ((await response.json()) as { data: { currentUser: unknown } }).data.currentUser
}

async function requireSameAnswers(url: string, otherUrl: string, cookies: Cookies): Promise<void> {
  const [answer, other] = await Promise.all([currentUserOf(url, cookies), currentUserOf(otherUrl, cookies)])
  if (JSON.stringify(answer) !== JSON.stringify(other)) throw new Error('bare graphql-yoga gives another answer')
}
