import { type Dispatcher, Pool } from 'undici'
import { newId, newSecret } from '../src/platform/random.ts'

// The hostile side of the flood, in a process of its own: a bounded number of requests a second from 50 loopback addresses to
// a gateway on 127.0.0.1, for a bounded time. Linux gives a process all of 127.0.0.0/8 without being configured.
const ADDRESSES = 50
const TICK_MS = 10
/** Those that the gateway does not answer in time are not sent anew. */
const MAX_OUTSTANDING = 2000

const [port, rate, seconds] = process.argv.slice(2).map(Number) as [number, number, number]
const gateway = `http://127.0.0.1:${port}`

type Attack = { name: string; request(count: number): Omit<Dispatcher.RequestOptions, 'origin'> }

const start = (handle: string) => ({
  method: 'GET' as const,
  path: `/auth/start?handle=${handle}`,
  headers: { accept: 'application/json' },
})
const post = (query: string, headers: Record<string, string> = {}) => ({
  method: 'POST' as const,
  path: '/graphql',
  headers: { 'content-type': 'application/json', origin: gateway, ...headers },
  body: JSON.stringify({ query }),
})
const aliases = (count: number) => Array.from({ length: count }, (_, n) => `a${n}:__schema{types{name}}`).join(' ')
const [large, tooLarge] = [`{${aliases(1000)}}`, `{${aliases(8000)}}`]

const ATTACKS: Attack[] = [
  { name: 'starts, unknown handles', request: (count) => start(`nobody-${count}.test`) },
  { name: 'starts, one account', request: () => start('alice.test') },
  {
    name: 'wrong exchange tokens',
    request: () => post(`mutation { exchangeToken(input: { exchangeToken: "${newSecret()}" }) { sessionToken } }`),
  },
  {
    name: 'wrong bearer tokens',
    request: () => post('{ currentUser { did } }', { authorization: `Bearer ${newId()}.${newSecret()}` }),
  },
  { name: 'large documents', request: () => post(large) },
  { name: 'too large documents', request: () => post(tooLarge) },
]

const pools = Array.from({ length: ADDRESSES }, (_, index) => {
  return new Pool(gateway, { connections: 4, localAddress: `127.0.0.${index + 2}` })
})
/** How often each attack was answered how. */
const answers = Object.fromEntries(ATTACKS.map(({ name }): [string, Record<string, number>] => [name, {}]))
let count = 0
let outstanding = 0

async function send(attack: Attack, pool: Pool): Promise<void> {
  const tally = answers[attack.name] ?? {}
  const add = (what: string) => {
    tally[what] = (tally[what] ?? 0) + 1
  }
  if (outstanding >= MAX_OUTSTANDING) {
    add('not sent')
    return
  }
  outstanding++
  try {
    const { statusCode, body } = await pool.request(attack.request(count))
    await body.dump()
    add(String(statusCode))
  } catch {
    add('no answer')
  } finally {
    outstanding--
  }
}

const startedAt = performance.now()
const timer = setInterval(() => {
  const elapsed = (performance.now() - startedAt) / 1000
  if (elapsed >= seconds) {
    clearInterval(timer)
    process.send?.({ sent: count, answers }, () => process.exit(0))
    return
  }
  // By the clock, so that a tick that is late does not lower the rate.
  for (const due = elapsed * rate; count < due; count++) {
    const [attack, pool] = [ATTACKS[count % ATTACKS.length], pools[count % ADDRESSES]]
    if (attack !== undefined && pool !== undefined) void send(attack, pool)
  }
}, TICK_MS)
process.once('disconnect', () => process.exit(0))
