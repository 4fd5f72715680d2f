import type { HeldGrant } from '../../src/atproto/grants/grant.ts'
import type { GrantChange } from '../../src/atproto/grants/grant-change.ts'
import { createGrants, type GrantServers, type Grants } from '../../src/atproto/grants/grants.ts'
import type { Gateway } from '../../src/gateway.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { withMembers } from './faults.ts'
import type { TokenServer } from './token-server.ts'

/**
 * The steps of a refresh that leave the process, in their order. The authorization server uses the refresh token up
 * between `send` and `answer`.
 */
export type Step =
  | 'find'
  | 'prepare'
  | 'lease'
  | 'read copy'
  | 'mark'
  | 'send'
  | 'answer'
  | 'save copy'
  | 'store'
  | 'lose'
  | 'end lease'

/** What comes between a step and its effect: it may fail it, hold it up, or do it. */
export type Interference = (step: Step, work: () => Promise<unknown>) => Promise<unknown>

/** The grants of one gateway process, over stores that it shares with others. */
export type GrantProcess = {
  grants: Grants
  /** The token set that a call to the PDS would use. */
  use(id: string): Promise<HeldGrant>
  /** The token set that takes the place of one that a resource server has refused; null if there is none. */
  replaceRefused(id: string): Promise<HeldGrant | null>
  /** The steps that it has begun. */
  steps: Step[]
  changes: GrantChange[]
  logLines: string[]
}

type Options = {
  stores: Gateway['stores']
  server: TokenServer
  interfere?: Interference
  askAccountStatus?: GrantServers['askAccountStatus']
  isConfidential?: boolean
}

const undisturbed: Interference = (_step, work) => work()

export function startGrantProcess(options: Options): GrantProcess {
  const { stores, server, interfere = undisturbed, isConfidential = false } = options
  const steps: Step[] = []
  const changes: GrantChange[] = []
  const logLines: string[] = []

  function at<T>(step: Step, work: () => Promise<T>): Promise<T> {
    steps.push(step)
    return interfere(step, work) as Promise<T>
  }

  const servers: GrantServers = {
    request: {
      async prepare(grant) {
        const way = {
          beforeCommit: () => at('send', async () => undefined),
          afterCommit: () => at('answer', async () => undefined),
        }
        return at('prepare', () => server.requests(way).prepare(grant))
      },
    },
    askAccountStatus: options.askAccountStatus ?? (async () => 'active'),
    revoke: server.revoke,
  }
  const grants = createGrants({
    db: watchStatements(stores.db, at),
    ephemeral: {
      ...stores.ephemeral,
      get: (key) => at('read copy', () => stores.ephemeral.get(key)),
      set: (key, value, settings) => at('save copy', () => stores.ephemeral.set(key, value, settings)),
    },
    sealer: stores.sealer,
    clients: { isConfidential } as Gateway['atproto']['clients'],
    // Whatever would ask a server is one of `servers`.
    pds: {} as Gateway['atproto']['pds'],
    clock: Date.now,
    logger: createLogger({ level: 'trace', destination: { write: (line) => void logLines.push(line) } }),
    onChange: (change) => void changes.push(change),
    servers,
  })

  return {
    grants,
    use: (id) => grants.hold(id),
    replaceRefused: async (id) => grants.replaceRefused(await grants.hold(id)),
    steps,
    changes,
    logLines,
  }
}

/** The statements that are steps, by what they alone say. */
const STATEMENTS: [Step, string][] = [
  ['lease', '"leaseFence" = "leaseFence" + 1'],
  ['mark', 'SET "sentAt" = clock_timestamp()'],
  ['store', 'SET "sealed"'],
  ['lose', '"state" = \'lost\''],
  ['end lease', '"leaseUntil" = NULL'],
  ['find', 'AS "isLeased"'],
]

type At = <T>(step: Step, work: () => Promise<T>) => Promise<T>

function watchStatements(db: Gateway['stores']['db'], at: At): Gateway['stores']['db'] {
  const watch =
    (run: (sql: TemplateStringsArray, ...values: unknown[]) => Promise<unknown>) =>
    async (sql: TemplateStringsArray, ...values: unknown[]) => {
      const step = STATEMENTS.find(([, text]) => sql.join('?').includes(text))?.[0]
      return step === undefined ? run(sql, ...values) : at(step, () => run(sql, ...values))
    }
  return withMembers(db, {
    $queryRaw: watch((sql, ...values) => db.$queryRaw(sql, ...values)),
    $executeRaw: watch((sql, ...values) => db.$executeRaw(sql, ...values)),
  })
}

/** Something that never happens: what a process that has ended was waiting for. */
const never = () => new Promise<never>(() => undefined)

/**
 * Ends a process at a step, before or after it takes effect: nothing that it begins from then on happens.
 * @param options `times`: at the how manieth time of the step
 */
export function crashAt(crashStep: Step, options: { when: 'before' | 'after'; time?: number }) {
  const { promise: crashed, resolve } = Promise.withResolvers<void>()
  let isDead = false
  let left = options.time ?? 1

  function die(): Promise<never> {
    isDead = true
    resolve()
    return never()
  }
  const interfere: Interference = async (step, work) => {
    if (isDead) return never()
    const isHere = step === crashStep && --left === 0
    if (isHere && options.when === 'before') return die()
    const result = await work()
    return isHere || isDead ? die() : result
  }
  return { interfere, crashed }
}
