import { setTimeout as sleep } from 'node:timers/promises'
import { ageAll, passMarks } from './ageing.ts'
import type { Crowd } from './crowd.ts'
import type { ExemptGrants } from './exempt-grants.ts'
import { askWho, askWhoByToken } from './person.ts'
import type { Plan } from './plan.ts'
import type { World } from './world.ts'

/** A session that should be there, asked for as its client does. Gives its id. */
type Holder = { ask(): Promise<string | null> }

/** Nothing is under way any more after so long without requests and faults, in milliseconds. */
const SETTLED_AFTER = 12_000
/** A replica leaves a grant alone for a minute when its server did not answer, and then has to be asked again. */
const REFRESHED_WITHIN = 150_000
const LOOK_EVERY = 3000
/** One process tries every ten seconds at most. */
const ASK_AGAIN_AFTER = 11_000
/** The second refresh shows that what the first one stored is what the server expects. */
const REFRESHES = 2
const SIDE_BY_SIDE = 8

/** Everybody who should be signed in asks who they are, and each of their grants is refreshed at the PDS. */
export async function checkEverything(world: World, crowd: Crowd, parts: { exempt: ExemptGrants; plan: Plan }) {
  await sleep(SETTLED_AFTER)
  if (!parts.plan.waitsForMarks) await passMarks(world.rows)
  const holders = new Map<string, Holder>()
  await inTurn(holdersOf(world, crowd), async (holder) => {
    const sessionId = await holder.ask()
    if (sessionId !== null) holders.set(sessionId, holder)
  })
  world.verdict.count('sessions at the end', holders.size)
  for (let refresh = 1; refresh <= REFRESHES; refresh++) await refreshAll(world, holders)
  await judgeLost(world, parts.exempt)
  const [sum] = await world.rows.query<{ refreshes: string }>(
    'SELECT sum("generation")::text AS "refreshes" FROM "Grant"',
  )
  world.verdict.count('refreshes at the PDS', Number(sum?.refreshes))
}

function holdersOf(world: World, { people, tokens }: Crowd): Holder[] {
  const ofTokens = (each: Crowd['tokens']) => each.map((token) => ({ ask: () => askWhoByToken(world, token) }))
  const ofPeople = people.flatMap((person) => [
    ...person.accounts.map((account) => ({ ask: () => askWho(world, person, account) })),
    ...ofTokens(person.developerTokens),
  ])
  return [...ofPeople, ...ofTokens(tokens)]
}

type Row = { sessionId: string; id: string; generation: string; state: 'ok' | 'lost' }

async function refreshAll({ rows, verdict }: World, holders: ReadonlyMap<string, Holder>): Promise<void> {
  const read = () =>
    rows.query<Row>(
      `SELECT "Session"."id" AS "sessionId", "Grant"."id", "generation"::text AS "generation", "state"::text AS "state"
         FROM "Session" JOIN "Grant" ON "Grant"."id" = "grantId" WHERE "Session"."id" = ANY($1)`,
      [[...holders.keys()]],
    )
  const before = new Map((await read()).map((row) => [row.id, BigInt(row.generation)]))
  // The judge of lost grants counts those.
  const isWaiting = ({ id, generation, state }: Row) => state === 'ok' && BigInt(generation) <= (before.get(id) ?? 0n)
  await ageAll(rows)
  const deadline = performance.now() + REFRESHED_WITHIN
  let waiting = await read()
  let askedAt = Number.NEGATIVE_INFINITY
  while (waiting.length > 0 && performance.now() < deadline) {
    if (performance.now() - askedAt > ASK_AGAIN_AFTER) {
      askedAt = performance.now()
      await inTurn(waiting, async ({ sessionId }) => void (await holders.get(sessionId)?.ask()))
    }
    await sleep(LOOK_EVERY)
    waiting = (await read()).filter(isWaiting)
  }
  for (const grant of waiting) verdict.violation('grants lost', { why: 'not refreshed', grant })
}

type Lost = { id: string; generation: string; lostReason: string | null }

async function judgeLost({ rows, verdict }: World, exempt: ExemptGrants): Promise<void> {
  const lost = await rows.query<Lost>(
    `SELECT "id", "generation"::text AS "generation", "lostReason" FROM "Grant" WHERE "state" = 'lost'`,
  )
  for (const grant of lost) {
    verdict.note('grant lost', grant)
    if (grant.lostReason === 'ambiguous' && exempt.has(grant)) verdict.count('grants lost in the exempt crash')
    else verdict.violation('grants lost', { grant })
  }
}

/** Does something with each of them, a few side by side. */
async function inTurn<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const one = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one))
}
