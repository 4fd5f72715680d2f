import { setTimeout as sleep } from 'node:timers/promises'
import { ageAll } from './ageing.ts'
import { anyOf } from './caller.ts'
import type { Crowd } from './crowd.ts'
import type { ExemptGrants } from './exempt-grants.ts'
import { askWho } from './person.ts'
import type { Plan } from './plan.ts'
import type { Rows } from './rows.ts'
import type { Service } from './services/service.ts'
import type { World } from './world.ts'

type Parts = {
  world: World
  crowd: Crowd
  postgres: Service
  redis: Service
  exempt: ExemptGrants
  print(line: string): void
}

type Fault = { name: string; losesEntries?: boolean; happen(): Promise<void> }

const FREEZE_MS = 8000
/** How many people ask at once right before a fault, with grants that are due. */
const HERD = 40
/** The fault comes as soon as so many refresh tokens are sent and not answered. */
const UNDER_WAY = 3
/** Or so long after the people have asked, in milliseconds. */
const COMES_AFTER = 2000
const DEAD_FOR = 2000

/** Breaks one thing after the other, each while grants are being refreshed and people sign in. */
export async function runFaults(parts: Parts, { rounds, calmMs }: Plan): Promise<void> {
  const { world, crowd, print } = parts
  for (let round = 1; round <= rounds; round++) {
    for (const { name, losesEntries = false, happen } of faultsOf(parts)) {
      await sleep(calmMs)
      await ageAll(world.rows)
      const herd = crowd.withMany(HERD, (person) => askWho(world, person))
      herd.catch(() => undefined)
      world.verdict.count('refreshes under way when a fault came', await untilUnderWay(world.rows))
      const startedAt = performance.now()
      await world.faults.during(name, happen, { losesEntries })
      const ms = Math.round(performance.now() - startedAt)
      world.verdict.note(`fault: ${name}`, { round, ms })
      print(`  round ${round}: ${name} (${(ms / 1000).toFixed(1)} s)`)
    }
  }
  await sleep(calmMs)
}

/** Gives how many are. */
async function untilUnderWay(rows: Rows): Promise<number> {
  for (const deadline = performance.now() + COMES_AFTER; ; ) {
    const [marked] = await rows.query<{ count: number }>(
      'SELECT count(*)::int AS "count" FROM "Grant" WHERE "sentAt" IS NOT NULL',
    )
    const count = marked?.count ?? 0
    if (count >= UNDER_WAY || performance.now() > deadline) return count
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
