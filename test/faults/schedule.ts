import { setTimeout as sleep } from 'node:timers/promises'
import { ageAll } from './ageing.ts'
import { anyOf } from './caller.ts'
import type { Crowd } from './crowd.ts'
import type { ExemptGrants } from './exempt-grants.ts'
import type { Network } from './network.ts'
import { askWho } from './person.ts'
import type { Plan } from './plan.ts'
import type { Rows } from './rows.ts'
import type { Service } from './services/service.ts'
import type { World } from './world.ts'

type Parts = {
  world: World
  crowd: Crowd
  network: Pick<Network, 'hold' | 'goOn'>
  postgres: Service
  redis: Service
  exempt: ExemptGrants
  print(line: string): void
}

type Fault = {
  name: string
  losesEntries?: boolean
  /** Whether the PDS keeps the answers to refreshes back until the fault is there. */
  holdsAnswers?: boolean
  happen(): Promise<void>
}

const FREEZE_MS = 8000
/** How many people ask at once right before a fault, with grants that are due. */
const HERD = 40
/** The fault comes as soon as so many refresh tokens are sent and not answered: while the PDS answers, and while not. */
const UNDER_WAY = { answering: 3, held: 15 }
/** Or so long after the people have asked, in milliseconds. */
const COMES_AFTER = 2000
/** The answers come so long after the fault has begun, in milliseconds. */
const ANSWERS_AFTER = 100
const DEAD_FOR = 2000

/** Breaks one thing after the other, each while grants are being refreshed and people sign in. */
export async function runFaults(parts: Parts, { rounds, calmMs }: Plan): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    for (const fault of faultsOf(parts)) {
      await sleep(calmMs)
      const ms = await breakOnce(parts, fault)
      parts.world.verdict.note(`fault: ${fault.name}`, { round, ms })
      parts.print(`  round ${round}: ${fault.name} (${(ms / 1000).toFixed(1)} s)`)
    }
  }
  await sleep(calmMs)
}

/** Gives how long it took, in milliseconds. */
async function breakOnce({ world, crowd, network }: Parts, fault: Fault): Promise<number> {
  const { name, losesEntries = false, holdsAnswers = true, happen } = fault
  await ageAll(world.rows)
  if (holdsAnswers) network.hold()
  try {
    // A failure is counted where it is found.
    crowd.withMany(HERD, (person) => askWho(world, person)).catch(() => undefined)
    const enough = holdsAnswers ? UNDER_WAY.held : UNDER_WAY.answering
    world.verdict.count('refreshes under way when a fault came', await untilUnderWay(world.rows, enough))
    const startedAt = performance.now()
    const broken = world.faults.during(name, happen, { losesEntries })
    await Promise.race([sleep(ANSWERS_AFTER), broken])
    network.goOn()
    await broken
    return Math.round(performance.now() - startedAt)
  } finally {
    network.goOn()
  }
}

/** Gives how many are. */
async function untilUnderWay(rows: Rows, enough: number): Promise<number> {
  for (const deadline = performance.now() + COMES_AFTER; ; ) {
    const [marked] = await rows.query<{ count: number }>(
      'SELECT count(*)::int AS "count" FROM "Grant" WHERE "sentAt" IS NOT NULL',
    )
    const count = marked?.count ?? 0
    if (count >= enough || performance.now() > deadline) return count
  }
}

function faultsOf({ world, postgres, redis, exempt }: Parts): Fault[] {
  return [
    { name: 'PostgreSQL restarted', happen: () => postgres.restart() },
    { name: 'PostgreSQL frozen', happen: () => postgres.freeze(FREEZE_MS) },
    { name: 'PostgreSQL killed', happen: () => postgres.kill() },
    { name: 'Redis restarted', losesEntries: true, happen: () => redis.restart() },
    { name: 'Redis frozen', happen: () => redis.freeze(FREEZE_MS) },
    { name: 'Redis killed', losesEntries: true, happen: () => redis.kill() },
    {
      name: 'a replica killed',
      // The replica that is killed would lose every answer that is held: the exempt crash, over and over.
      holdsAnswers: false,
      async happen() {
        const replica = anyOf(world.caller.replicas)
        await replica.kill()
        await exempt.look()
        await sleep(DEAD_FOR)
        await replica.start()
      },
    },
  ]
}
