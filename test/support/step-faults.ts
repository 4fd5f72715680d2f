import { PGlite } from '@electric-sql/pglite'
import type { SqlMigrationAwareDriverAdapterFactory, Transaction } from '@prisma/driver-adapter-utils'
import { StoreUnavailable } from '../../src/platform/errors.ts'
import type { EphemeralStore } from '../../src/store/ephemeral/ephemeral-store.ts'
import { createInProcessStore } from '../../src/store/ephemeral/in-process-store.ts'
import { PrismaClient } from '../../src/store/sql/generated/client.ts'
import { translateOutages, watchAdapter } from '../../src/store/sql/outage.ts'
import { createPGliteAdapter } from '../../src/store/sql/pglite-adapter.ts'
import { createPrismaRead } from '../../src/store/sql/prepared-read.ts'
import { pgliteImage } from './fixtures.ts'
import { createMovableClock } from './movable-clock.ts'
import type { Stores } from './stores.ts'

/** What a step is a step of: a statement or a commit, an operation of the ephemeral store, a request to a server. */
export type Part = 'database' | 'ephemeral store' | 'upstream'

/** Whether the step is kept from taking effect, or takes effect and its answer is lost. */
export type Moment = 'before' | 'after'

/** Fails one step of what is done while it is armed. */
export type StepFaults = {
  /** Runs `work` with its `nth` step failing. Gives the step that failed; null when there were fewer steps. */
  during<T>(
    fault: { nth: number; moment: Moment },
    work: () => Promise<T>,
  ): Promise<{ result: T; failed: string | null }>
  /** @param instead what happens where the step is kept from taking effect */
  step<T>(part: Part, name: string, work: () => Promise<T>, instead?: () => Promise<void>): Promise<T>
}

export function createStepFaults(): StepFaults {
  let armed: { left: number; moment: Moment; failed: string | null } | null = null

  return {
    async during({ nth, moment }, work) {
      const arming = { left: nth, moment, failed: null }
      armed = arming
      try {
        return { result: await work(), failed: arming.failed }
      } finally {
        armed = null
      }
    },
    async step(part, name, work, instead) {
      if (armed === null || --armed.left !== 0) return work()
      armed.failed = `${armed.moment} ${part}: ${name}`
      if (armed.moment === 'after') await work()
      else await instead?.()
      throw faultOf(part)
    },
  }
}

/** As the driver, the store and `fetch` themselves fail. */
function faultOf(part: Part): Error {
  switch (part) {
    case 'database':
      return new Error('Connection terminated unexpectedly')
    case 'ephemeral store':
      return new StoreUnavailable('ephemeral store', new Error('Connection is closed.'))
    case 'upstream':
      return new TypeError('fetch failed', { cause: new Error('other side closed') })
  }
}

/** Embedded stores each step of which can fail. */
export async function openFaultyStores(faults: StepFaults): Promise<Stores> {
  const clock = createMovableClock()
  const pglite = new PGlite({ loadDataDir: await pgliteImage() })
  const prisma = new PrismaClient({
    adapter: watchAdapter(withFaults(createPGliteAdapter(pglite), faults)),
    transactionOptions: { maxWait: 5000, timeout: 15_000 },
  })
  const store = createInProcessStore({ clock })
  const translated = translateOutages(prisma)
  return {
    database: {
      prisma: translated,
      readText: createPrismaRead(translated),
      async ping() {
        await prisma.$queryRaw`SELECT 1`
      },
      async close() {
        await prisma.$disconnect()
        await pglite.close()
      },
    },
    ephemeral: {
      ...store,
      get: (key) => faults.step('ephemeral store', 'get', () => store.get(key)),
      set: (key, value, options) => faults.step('ephemeral store', 'set', () => store.set(key, value, options)),
      delete: (key) => faults.step('ephemeral store', 'delete', () => store.delete(key)),
      publish: (channel, message) => faults.step('ephemeral store', 'publish', () => store.publish(channel, message)),
    } satisfies EphemeralStore,
    clock,
    statements: [],
    advance: async (ms) => clock.advance(ms),
    dumpEphemeral: async () => '',
    async close() {
      await store.close()
      await prisma.$disconnect()
      await pglite.close()
    },
  }
}

const STATEMENTS = new Set<string | symbol>(['queryRaw', 'executeRaw'])
const OPENING = new Set<string | symbol>(['connect', 'startTransaction'])

function withFaults<T extends object>(target: T, faults: StepFaults): T {
  return new Proxy(target, {
    get(object, name) {
      const member: unknown = Reflect.get(object, name, object)
      if (typeof member !== 'function') return member
      const call = (args: unknown[]): Promise<unknown> => Promise.resolve(Reflect.apply(member, object, args))
      if (OPENING.has(name)) return async (...args: unknown[]) => withFaults((await call(args)) as object, faults)
      if (STATEMENTS.has(name)) return (...args: unknown[]) => faults.step('database', nameOf(args), () => call(args))
      if (name === 'commit') return () => faults.step('database', 'commit', () => call([]), rollbackOf(object))
      return member.bind(object)
    },
  }) as T & SqlMigrationAwareDriverAdapterFactory
}

/** A transaction whose connection breaks before its commit is rolled back by the server. */
function rollbackOf(transaction: object): () => Promise<void> {
  return (transaction as Transaction).rollback.bind(transaction)
}

function nameOf([query]: unknown[]): string {
  return (query as { sql: string }).sql.replace(/\s+/g, ' ').trim().slice(0, 60)
}

/** A `fetch` that fails requests to these origins; others pass. */
export function faultyFetch(faults: StepFaults, origins: readonly string[], fetch = globalThis.fetch): typeof fetch {
  return async (input, init) => {
    const { origin, pathname } = new URL(input instanceof Request ? input.url : String(input))
    if (!origins.includes(origin)) return fetch(input, init)
    return faults.step('upstream', pathname, () => fetch(input, init))
  }
}
